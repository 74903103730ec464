"""The passes over a model that tf2onnx has converted, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx_ir.passes.common import ShapeInferencePass

from modelport_converters.tensorflow_to_onnx.passes.fusion import fuse_functions
from modelport_converters.tensorflow_to_onnx.passes.global_pooling import pool_means
from modelport_converters.tensorflow_to_onnx.passes.layout_optimizer import remove_transposes
from modelport_converters.tensorflow_to_onnx.passes.loop_invariants import simplify_loops
from modelport_converters.tensorflow_to_onnx.passes.pad_fusion_guard import guard_pads
from modelport_converters.tensorflow_to_onnx.passes.recurrent_fusion import fuse_recurrent_loops
from modelport_converters.tensorflow_to_onnx.passes.redundant_reshapes import drop_reshapes

if TYPE_CHECKING:
    import onnx_ir as ir


def run_passes(model: ir.Model) -> ir.Model:
    """Run the passes in place and return the model."""
    ShapeInferencePass(check_type=False, strict_mode=False)(model)
    remove_transposes(model)
    simplify_loops(model)
    fuse_recurrent_loops(model)
    pool_means(model)
    drop_reshapes(model)
    fuse_functions(model)
    guard_pads(model.graph)
    return model
