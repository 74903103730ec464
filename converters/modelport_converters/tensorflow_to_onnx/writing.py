"""Writing ONNX nodes by name: what handlers that are not yet written in the builder use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import helper
from tf2onnx.utils import make_name

_CHOSEN = {"uint8", "int32", "int64", "float16", "float32", "float64", "object"}
"""The types that ONNX Runtime chooses between."""


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


class Form(Writer):
    """A Writer that also knows the node's attributes, and what differs between opsets.

    Attributes:
        settings: what tf2onnx hands to every handler, such as the contents of lookup tables.
    """

    def __init__(self, ctx: Any, node: Any, **settings: Any) -> None:
        super().__init__(ctx, node)
        self.settings = settings

    def upstream(self, own: Callable[..., None]) -> None:
        """Leave the node to one of tf2onnx's own handlers."""
        own(self.ctx, self.node, **self.settings)

    def attr(self, name: str, default: Any = None) -> Any:
        """Return an attribute of the TensorFlow node; strings as str."""
        found = self.node.get_attr_value(name, default)
        return found.decode() if isinstance(found, bytes) else found

    @property
    def kind(self) -> str:
        """The TensorFlow operator's name."""
        return str(self.node.type)

    @property
    def rank(self) -> int:
        """The rank of the first input; raises ValueError where it is unknown."""
        return self.rank_of(self.inputs[0])

    def rank_of(self, name: str) -> int:
        """Return the rank of a tensor; raises ValueError where it is unknown."""
        shape = self.shape(name)
        if shape is None:
            raise ValueError("its input is of unknown rank")
        return len(shape)

    def sizes(self, name: str, axes: Sequence[int]) -> list[int]:
        """Return sizes that must be known; raises ValueError where they are not."""
        shape = self.shape(name)
        if shape is None or any(shape[axis] < 0 for axis in axes):
            raise ValueError(f"the sizes of its axes {list(axes)} must be known: fix them with --input")
        return [shape[axis] for axis in axes]

    def known(self, index: int) -> Any:
        """Return the array of an input that must be a constant; raises ValueError where it is none."""
        node = self.source(index)
        if not node.is_const():
            raise ValueError(f"its input {index} must be a constant")
        return np.asarray(node.get_tensor_value(as_list=False))

    def source(self, index: int) -> Any:
        """Return the node that an input comes from."""
        return through(self.node.inputs[index])

    def type_of(self, name: str) -> int:
        """Return the ONNX element type of a tensor."""
        return int(self.ctx.get_dtype(name))

    def reduce(self, kind: str, name: str, axes: Sequence[int], *, keep: bool = False) -> str:
        """Write ReduceSum, ReduceMax...: the axes are an attribute before opset 18, but for ReduceSum."""
        if kind == "Sum" or self.opset >= 18:
            return self(f"Reduce{kind}", name, self.const(list(axes)), keepdims=int(keep))
        return self(f"Reduce{kind}", name, axes=list(axes), keepdims=int(keep))

    def choose(self, condition: str, x: str, y: str) -> str:
        """Return x where the condition holds, else y; both of the dtype of the node's first output."""
        if self.dtype.name in _CHOSEN:
            return self("Where", condition, x, y)
        wide = np.int32 if self.dtype.itemsize < 4 else np.int64  # which has room for the bits of uint64 too
        return self.cast(self("Where", condition, self.cast(x, wide), self.cast(y, wide)), self.dtype)

    def squeeze(self, name: str, *axes: int) -> str:
        """Drop axes."""
        return self("Squeeze", name, self.const(list(axes)))

    def unsqueeze(self, name: str, *axes: int) -> str:
        """Add axes."""
        return self("Unsqueeze", name, self.const(list(axes)))

    def size(self, name: str, axis: int) -> str:
        """Return the size of an axis, as int64 of shape [1]."""
        return self.slice(self("Shape", name), axis, axis + 1 if axis != -1 else None)

    def slice(self, name: str, start: int | str, stop: int | str | None, axis: int = 0) -> str:
        """Return name[start:stop] along an axis; bounds may be tensors of shape [1]."""
        bounds = [
            item if isinstance(item, str) else self.const([np.iinfo(np.int64).max if item is None else item])
            for item in (start, stop)
        ]
        return self("Slice", name, *bounds, self.const([axis]))

    def reshape(self, name: str, shape: str | Sequence[int]) -> str:
        """Reshape; 0 in the shape keeps a size."""
        return self("Reshape", name, shape if isinstance(shape, str) else self.const(list(shape)))

    def join(self, *names: str, axis: int = 0) -> str:
        """Concatenate."""
        return self("Concat", *names, axis=axis)

    def arange(self, count: str) -> str:
        """Return 0, 1, ... as int64; `count` is a scalar, or of shape [1]."""
        return self("Range", self.const(0), self.reshape(count, []), self.const(1))

    def number(self, value: float, like: str) -> str:
        """Return a scalar of the dtype of a tensor."""
        return self.const(value, self.dtype_of(like))

    def wide(self, name: str) -> str:
        """Return a tensor in float64."""
        return self.cast(name, np.float64)


def through(node: Any, *kinds: str) -> Any:
    """Return the node behind Identities, and behind operators of other kinds that pass their first input on."""
    while node.type in ("Identity", *kinds):
        node = node.inputs[0]
    return node


def onnx_dtype(elem_type: int) -> np.dtype[Any]:
    """Return the NumPy dtype of an ONNX element type."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(elem_type))
