"""What spoils an exported graph: one function for each way, each returning what is done to the model in place.

Every one asserts that it found what it changes, so that a fault cannot fade when an exporter writes another graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from fakes import graph
from onnx import numpy_helper

Spoil = Callable[[onnx.ModelProto], None]


def constant(old: Any, new: Any) -> Spoil:
    """Give every constant of this value another one."""

    def spoil(model: onnx.ModelProto) -> None:
        found = [tensor for tensor in model.graph.initializer if _equal(numpy_helper.to_array(tensor), old)]
        assert found, f"no constant {old}"
        for tensor in found:
            dtype = numpy_helper.to_array(tensor).dtype
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(new, dtype), tensor.name))

    return spoil


def weight(shape: tuple[int, ...], change: Callable[[np.ndarray], Any]) -> Spoil:
    """Change a copy of every weight of this shape in place, or by what `change` returns."""

    def spoil(model: onnx.ModelProto) -> None:
        found = [tensor for tensor in model.graph.initializer if tuple(tensor.dims) == shape]
        assert found, f"no weight of shape {shape}: {[tuple(tensor.dims) for tensor in model.graph.initializer]}"
        for tensor in found:
            array = numpy_helper.to_array(tensor).copy()
            result = change(array)
            tensor.CopyFrom(numpy_helper.from_array(array if result is None else result, tensor.name))

    return spoil


def attribute(operator: str, **values: Any) -> Spoil:
    """Set attributes of every node of an operator."""

    def spoil(model: onnx.ModelProto) -> None:
        for node in nodes(model, operator):
            kept = [item for item in node.attribute if item.name not in values]
            changed = [onnx.helper.make_attribute(name, value) for name, value in values.items()]
            del node.attribute[:]
            node.attribute.extend([*kept, *changed])

    return spoil


def edited(operator: str, change: Callable[[onnx.NodeProto], None]) -> Spoil:
    """Change every node of an operator."""

    def spoil(model: onnx.ModelProto) -> None:
        for node in nodes(model, operator):
            change(node)

    return spoil


def rewritten(operator: str, body: str, nth: int | None = None, **weights: Any) -> Spoil:
    """Write the nodes of an operator, or the nth alone, as `body`, which makes ``y`` of ``x0``, ``x1`` and the graph's inputs."""

    def spoil(model: onnx.ModelProto) -> None:
        found = nodes(model, operator)
        for number, node in enumerate(found if nth is None else [found[nth]]):
            place = list(model.graph.node).index(node)
            inputs = {f"x{index}": name for index, name in enumerate(node.input)}
            names = {**{value.name: value.name for value in model.graph.input}, **inputs, "y": node.output[0]}
            written = graph(f"(float x0) => (float y) {{ {body} }}", **weights)
            model.graph.node.remove(node)
            for offset, piece in enumerate(written.graph.node):
                for side in (piece.input, piece.output):
                    side[:] = [names.get(name, f"spoilt_{number}_{name}") if name else "" for name in side]
                model.graph.node.insert(place + offset, piece)
            for tensor in written.graph.initializer:
                tensor.name = f"spoilt_{number}_{tensor.name}"
                model.graph.initializer.append(tensor)

    return spoil


def unchanged(model: onnx.ModelProto) -> None:
    """Leave the export as it is, where the fault lies in the source."""


def nodes(model: onnx.ModelProto, operator: str) -> list[onnx.NodeProto]:
    """The nodes of an operator, at least one."""
    found = [node for node in model.graph.node if node.op_type == operator]
    assert found, f"no {operator}: {[node.op_type for node in model.graph.node]}"
    return found


def _equal(array: np.ndarray, value: Any) -> bool:
    wanted = np.asarray(value, array.dtype) if array.dtype.kind != "O" else np.asarray(value, object)
    return array.shape == wanted.shape and np.array_equal(array, wanted)
