"""Weights: initializers as constants or variables, reshaped and transposed once, while tracing, as an operator wants them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir
import tensorflow as tf
from numpy.typing import NDArray

from modelport_converters.onnx_graph.registry import Unsupported
from modelport_converters.onnx_to_tensorflow.naming import op_name

Array = NDArray[Any]

_SHORT = 256
"""Integers up to this many are axes, shapes and the like, which operators want to know."""

_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


@dataclass(frozen=True)
class Arrangement:
    """A reshape followed by a transposition; None leaves out either."""

    shape: tuple[int, ...] | None = None
    perm: tuple[int, ...] | None = None

    def of_array(self, array: Array) -> Array:
        """Arrange an array."""
        shaped = array if self.shape is None else array.reshape(self.shape)
        return shaped if self.perm is None else np.ascontiguousarray(shaped.transpose(self.perm))

    def of_tensor(self, tensor: tf.Tensor) -> tf.Tensor:
        """Arrange a tensor in the graph."""
        shaped = tensor if self.shape is None else tf.reshape(tensor, self.shape)
        return shaped if self.perm is None else tf.transpose(shaped, self.perm)

    def undo(self, tensor: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
        """Return an arranged tensor as it was, of the sizes `shape`."""
        moved = tensor if self.perm is None else tf.transpose(tensor, np.argsort(self.perm))
        return moved if self.shape is None else tf.reshape(moved, shape)


PLAIN = Arrangement()


@dataclass(frozen=True)
class Policy:
    """Which initializers become variables.

    Attributes:
        variables: weights are variables rather than constants of the graph.
        trainable: whether floating-point weights can be fine-tuned.
    """

    variables: bool = False
    trainable: bool = False

    def wants_variable(self, dtype: tf.DType, shape: Sequence[int]) -> bool:
        """Tell whether a weight is to be a variable; scalars, strings and short vectors of integers never are."""
        if not self.variables or dtype == tf.string or not shape:
            return False
        return math.prod(shape) > (1 if dtype.is_floating else _SHORT)


class Weight:
    """One initializer as a constant or a tf.Variable, created when it is first used.

    Args:
        value: the initializer.
        policy: constant or variable.
        owner: collects the variables, so that they are saved.
    """

    def __init__(self, value: ir.Value, policy: Policy, owner: list[tf.Variable]) -> None:
        assert value.const_value is not None
        self.name = value.name or ""
        self._tensor = value.const_value
        self._policy, self._owner = policy, owner
        self._made: dict[tuple[tf.Graph, Arrangement], tf.Tensor] = {}
        self._variable: tuple[Arrangement, tf.Variable] | None = None

    @property
    def array(self) -> Array:
        """The values, as NumPy holds them."""
        return to_numpy(self._tensor)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return tuple(int(size) for size in self._tensor.shape.numpy())

    def tensor(self, arrangement: Arrangement = PLAIN) -> tf.Tensor:
        """Return the weight in an arrangement, made once for each graph that is being traced."""
        graph = tf.compat.v1.get_default_graph()
        key = (graph, arrangement)
        if key not in self._made:
            self._made[key] = self._make(arrangement)
        return self._made[key]

    def _make(self, arrangement: Arrangement) -> tf.Tensor:
        try:
            dtype = to_dtype(self._tensor.dtype)
        except TypeError as error:
            reason = f"its input {self.name!r} has the element type {self._tensor.dtype.name}, which TensorFlow lacks"
            raise Unsupported(reason) from error
        if not self._policy.wants_variable(dtype, self.shape):
            return constant(arrangement.of_array(self.array), dtype, self.name)
        if self._variable is None:
            self._variable = (arrangement, self._make_variable(arrangement, dtype))
        held, variable = self._variable
        if held == arrangement:
            return variable.read_value()
        return arrangement.of_tensor(held.undo(variable.read_value(), self.shape))

    def _make_variable(self, arrangement: Arrangement, dtype: tf.DType) -> tf.Variable:
        with tf.init_scope():
            variable = tf.Variable(
                arrangement.of_array(self.array),
                dtype=dtype,
                name=op_name(self.name),
                trainable=self._policy.trainable and dtype.name in _FLOATS,
            )
        self._owner.append(variable)
        return variable


def arrange(
    value: Weight | np.ndarray | tf.Tensor, *, shape: Sequence[int] | None = None, perm: Sequence[int] | None = None
) -> np.ndarray | tf.Tensor:
    """Return a weight, array or tensor reshaped and then transposed; weights and arrays are so while tracing."""
    arrangement = Arrangement(None if shape is None else tuple(shape), None if perm is None else tuple(perm))
    if isinstance(value, np.ndarray):
        return arrangement.of_array(value)
    return value.tensor(arrangement) if isinstance(value, Weight) else arrangement.of_tensor(value)


def static_array(value: Weight | np.ndarray | tf.Tensor) -> Array | None:
    """Return the static value of a weight, array or tensor; None for a variable and for a dynamic tensor."""
    if isinstance(value, Weight):
        value = value.tensor()
    found: Array | None = value if isinstance(value, np.ndarray) else tf.get_static_value(value)
    return found


def constant(array: Array, dtype: tf.DType, name: str = "") -> tf.Tensor:
    """Return a constant of the graph being traced."""
    if dtype == tf.string:
        array = np.array([_bytes(item) for item in array.ravel().tolist()], dtype=object).reshape(array.shape)
    return tf.constant(array, dtype=dtype, shape=array.shape, name=op_name(name) or "constant")


def to_numpy(tensor: ir.TensorProtocol) -> Array:
    """Return a tensor's values; strings are bytes objects."""
    return np.asarray(tensor.numpy())


def to_dtype(dtype: ir.DataType) -> tf.DType:
    """Return the tf.DType of an ONNX element type.

    Raises:
        TypeError: when TensorFlow has no such type.
    """
    if dtype == ir.DataType.STRING:
        return tf.string
    return tf.as_dtype(dtype.numpy())


def _bytes(item: bytes | str) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode()
