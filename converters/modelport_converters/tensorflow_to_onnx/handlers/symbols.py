"""One formula for sizes that are known and for those that are not: on NumPy's arrays, or on tensors of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelport_converters.tensorflow_to_onnx.handler import Writer


class Known:
    """Arithmetic in float32 on NumPy's arrays."""

    floor, rint, sin, exp = staticmethod(np.floor), staticmethod(np.rint), staticmethod(np.sin), staticmethod(np.exp)
    maximum, minimum, abs = staticmethod(np.maximum), staticmethod(np.minimum), staticmethod(np.abs)
    equal, less = staticmethod(np.equal), staticmethod(np.less)

    def number(self, value: Any) -> Any:
        """Return a number, or what is known of a tensor of one."""
        return np.float32(value)

    def arange(self, count: Any) -> NDArray[np.float32]:
        """Return 0, 1, ... below the count."""
        return np.arange(int(count), dtype=np.float32)

    def where(self, condition: Any, then: Any, otherwise: Any) -> NDArray[np.float32]:
        """Choose element by element."""
        return np.where(condition, np.float32(then), np.float32(otherwise))

    def column(self, vector: Any) -> Any:
        """Return a vector as [n, 1]."""
        return vector[:, None]

    def total(self, matrix: Any) -> Any:
        """Return the sums of the rows, as [n, 1]."""
        return matrix.sum(axis=1, keepdims=True)

    def tensor(self, write: Writer, value: Any, dtype: Any = np.float32) -> str:
        """Return the name of a tensor with this value."""
        return write.const(value, dtype)


class Symbol:
    """A float32 tensor of the graph, with Python's operators."""

    def __init__(self, write: Writer, name: str) -> None:
        self.write, self.name = write, name

    def __add__(self, other: Any) -> Symbol:
        return self.op("Add", self, other)

    def __sub__(self, other: Any) -> Symbol:
        return self.op("Sub", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return self.op("Sub", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return self.op("Mul", self, other)

    def __truediv__(self, other: Any) -> Symbol:
        return self.op("Div", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self.op("Div", other, self)

    __radd__, __rmul__ = __add__, __mul__

    def op(self, op: str, *operands: Any) -> Symbol:
        """Write an operator; numbers become constants."""
        names = [item.name if isinstance(item, Symbol) else self.write.const(item, np.float32) for item in operands]
        return Symbol(self.write, self.write(op, *names))


def _symbol(left: Any, right: Any) -> Symbol:
    """Return the one of two operands that is no number."""
    return left if isinstance(left, Symbol) else right


class Nodes:
    """The arithmetic of `Known`, written as nodes."""

    def __init__(self, write: Writer) -> None:
        self._write = write

    def number(self, value: Any) -> Symbol:
        """Return a number, or a tensor of one."""
        name = value if isinstance(value, str) else self._write.const(value, np.float32)
        return Symbol(self._write, self._write("Reshape", self._write.cast(name, np.float32), self._write.const([1])))

    def arange(self, count: Symbol) -> Symbol:
        """Return 0, 1, ... below the count."""
        write = self._write
        end = write("Squeeze", write.cast(count.name, np.int64))
        return Symbol(write, write.cast(write("Range", write.const(0), end, write.const(1)), np.float32))

    def floor(self, value: Symbol) -> Symbol:
        """Round down."""
        return value.op("Floor", value)

    def rint(self, value: Symbol) -> Symbol:
        """Round to the nearest, halves to even."""
        return value.op("Round", value)

    def sin(self, value: Symbol) -> Symbol:
        """Return the sine."""
        return value.op("Sin", value)

    def exp(self, value: Symbol) -> Symbol:
        """Return the exponential."""
        return value.op("Exp", value)

    def abs(self, value: Symbol) -> Symbol:
        """Return the magnitude."""
        return value.op("Abs", value)

    def maximum(self, left: Any, right: Any) -> Symbol:
        """Return the greater of two."""
        return _symbol(left, right).op("Max", left, right)

    def minimum(self, left: Any, right: Any) -> Symbol:
        """Return the smaller of two."""
        return _symbol(left, right).op("Min", left, right)

    def equal(self, left: Any, right: Any) -> Symbol:
        """Compare."""
        return _symbol(left, right).op("Equal", left, right)

    def less(self, left: Any, right: Any) -> Symbol:
        """Compare."""
        return _symbol(left, right).op("Less", left, right)

    def where(self, condition: Symbol, then: Any, otherwise: Any) -> Symbol:
        """Choose element by element."""
        return condition.op("Where", condition, then, otherwise)

    def column(self, vector: Symbol) -> Symbol:
        """Return a vector as [n, 1]."""
        return Symbol(self._write, self._write("Unsqueeze", vector.name, self._write.const([1])))

    def total(self, matrix: Symbol) -> Symbol:
        """Return the sums of the rows, as [n, 1]."""
        return Symbol(self._write, self._write("ReduceSum", matrix.name, self._write.const([1]), keepdims=1))

    def tensor(self, write: Writer, value: Symbol, dtype: Any = np.float32) -> str:
        """Return the name of the tensor."""
        return value.name if dtype == np.float32 else write.cast(value.name, dtype)
