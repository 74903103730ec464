"""Handlers of TensorFlow operators that tf2onnx lacks or gets wrong, in the families of TensorFlow's own modules.

Importing this package imports every module in it, and so registers their handlers after tf2onnx's own, which they replace.
"""

from __future__ import annotations

import importlib
import pkgutil

from tf2onnx import tfonnx as tfonnx  # registers tf2onnx's own

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
