"""Registering a plain function as the form of a TensorFlow operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from tf2onnx import constants
from tf2onnx.handler import tf_op

from modelport_converters.tensorflow_to_onnx.handlers.writing import Writer, through

NEWEST_OPSET = max(constants.OPSET_TO_IR_VERSION)
"""The newest opset that tf2onnx writes; a form registered up to it replaces every form of tf2onnx's own."""

_CHOSEN = {"uint8", "int32", "int64", "float16", "float32", "float64", "object"}
"""The types that ONNX Runtime chooses between."""

_Function = TypeVar("_Function", bound=Callable[..., str | tuple[str, ...] | None])


class Form(Writer):
    """A Writer that also knows the node's attributes, and what differs between opsets.

    Attributes:
        settings: what tf2onnx hands to every form, such as the contents of lookup tables.
    """

    def __init__(self, ctx: Any, node: Any, **settings: Any) -> None:
        super().__init__(ctx, node)
        self.settings = settings

    def upstream(self, own: Callable[..., None]) -> None:
        """Leave the node to a form of tf2onnx's own."""
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


def form(*names: str, since: int = 13, register: Callable[..., Any] = tf_op) -> Callable[[_Function], _Function]:
    """Register a function as the form of operators.

    The function takes a Form and the node's inputs; it returns the output, or a tuple of all outputs. None leaves the node as
    it is: the function has changed it itself, or ONNX has the operator under the same name.

    Args:
        names: the operators.
        since: the opset of the newest ONNX operator that the function writes.
        register: tf2onnx's decorator: `tf_op`, or `tfl_op` for operators of TensorFlow Lite.
    """

    def registered(function: _Function) -> _Function:
        def handle(_class: Any, /, ctx: Any, node: Any, **settings: Any) -> None:
            write = Form(ctx, node, **settings)
            result = function(write, *write.inputs)
            if result is not None:
                write.finish(*(result if isinstance(result, tuple) else (result,)))

        versions = {f"version_{version}": classmethod(handle) for version in range(since, NEWEST_OPSET + 1)}
        register(list(names))(type(function.__name__, (), {"__doc__": function.__doc__, **versions}))
        return function

    return registered
