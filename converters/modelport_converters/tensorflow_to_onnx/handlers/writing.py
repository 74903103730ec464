"""Writing ONNX nodes in the place of a TensorFlow node, so that a handler reads like the formula it implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper
from tf2onnx.utils import make_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike


class Writer:
    """Writes nodes for one TensorFlow node; tensors are named by strings.

    Attributes:
        ctx, node: tf2onnx's graph, and the node in it.
        inputs: the names of the node's inputs.
        opset: the version of the default domain that is written.
    """

    def __init__(self, ctx: Any, node: Any) -> None:
        self.ctx, self.node = ctx, node
        self.inputs: list[str] = list(node.input)
        self.opset = int(ctx.opset)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the node's first output, as NumPy has it; object for strings."""
        return self.dtype_of(self.node.output[0])

    def const(self, value: ArrayLike, dtype: Any = np.int64) -> str:
        """Return a constant; `dtype` as NumPy takes it."""
        return str(self.ctx.make_const(make_name(self.node.name), np.asarray(value, dtype)).output[0])

    def like(self, value: ArrayLike) -> str:
        """Return a constant of the dtype of the node's first output."""
        return self.const(value, self.dtype)

    def shape(self, name: str) -> list[int] | None:
        """Return the sizes of a tensor, -1 where unknown; None for an unknown rank."""
        found: list[int] | None = self.ctx.get_shape(name)
        return found

    def dtype_of(self, name: str) -> np.dtype[Any]:
        """Return the dtype of a tensor."""
        return onnx_dtype(self.ctx.get_dtype(name))

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Write a node and return its only output."""
        return self.several(op, inputs, 1, **attributes)[0]

    def several(self, op: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """Write a node and return its outputs."""
        domain = attributes.pop("domain", "")
        made = self.ctx.make_node(op, list(inputs), attr=attributes, output_count=outputs, domain=domain)
        return list(made.output)

    def cast(self, name: str, dtype: Any) -> str:
        """Cast a tensor."""
        return self("Cast", name, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def finish(self, *outputs: str) -> None:
        """Put tensors in the place of the node's outputs."""
        node, ctx = self.node, self.ctx
        kept = [(name, ctx.get_shape(name), ctx.get_dtype(name)) for name in node.output]
        ctx.remove_node(node.name)
        for value, (name, shape, dtype) in zip(outputs, kept, strict=True):
            ctx.make_node("Identity", [value], outputs=[name], shapes=[shape], dtypes=[dtype])

    def drop_unread(self, source: Any) -> None:
        """Remove a node whose output nothing reads but the one that is written here."""
        if all(reader.name == self.node.name for reader in self.ctx.find_output_consumers(source.output[0])):
            self.ctx.remove_node(source.name)


def through(node: Any, *kinds: str) -> Any:
    """Return the node behind Identities, and behind operators of other kinds that pass their first input on."""
    while node.type in ("Identity", *kinds):
        node = node.inputs[0]
    return node


def onnx_dtype(elem_type: int) -> np.dtype[Any]:
    """Return the NumPy dtype of an ONNX element type."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(elem_type))
