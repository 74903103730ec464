"""TensorFlow's operators: one function for each operator of ONNX, in its newest version.

A module, or a package of several, holds one family, named as in ONNX's documentation or as the framework's module of that name.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from modelport_converters.onnx_graph.registry import Registry
from modelport_converters.onnx_to_tensorflow.registry import TensorFlowTraits, operators


@functools.cache
def registry() -> Registry[TensorFlowTraits]:
    """Return TensorFlow's registry with the operators of every module of this package, which are imported here."""
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    return operators
