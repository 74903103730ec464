"""Models prepared for a target that has all operators of ai.onnx but some."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import defs, numpy_helper

from modelport_converters.onnx_graph.prepare import prepare
from modelport_converters.onnx_graph.registry import Registry, Traits


def everything(*lacking: str) -> Registry[Traits]:
    """Return a registry that has all operators of ai.onnx but some."""
    found = Registry("Target", Traits)
    schemas: list[Any] = defs.get_all_schemas()
    for schema in schemas:
        if schema.domain == "" and schema.name not in lacking:
            found.variadic({schema.name: max})
    return found


def prepared(model: onnx.ModelProto, *lacking: str) -> onnx.ModelProto:
    return ir.to_proto(prepare(ir.from_proto(model), everything(*lacking)))


def floats(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def with_weights(model: onnx.ModelProto, **arrays: Any) -> onnx.ModelProto:
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items())
    return model


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]
