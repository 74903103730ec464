"""TensorFlow's operators; every module of this package that defines some registers them here.

Traits beside the function:
    layout: how a channels-last value passes through; see `layout.py`. Without it the function gets channels-first tensors.
    lazy: parameters that arrive as they are held, for `layout.arrange`.
"""

from __future__ import annotations

from modelport_converters.onnx_graph.registry import Registry, Unsupported

__all__ = ["Unsupported", "elementwise", "op", "ops", "refuse"]

ops = Registry("TensorFlow")
op, elementwise, refuse = ops.op, ops.elementwise, ops.refuse
