"""Channels-first and channels-last: the one place that knows of both.

ONNX is channels-first (NCHW), TensorFlow convolves channels-last (NHWC) on a CPU. A value is held in either order, and the other
is made at most once, when an operator asks for it. The trait `layout` of an operator names the rule by which it takes
channels-last values (`registry.LayoutRule`); each rule is one function below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir as ir
import tensorflow as tf

from modelport_converters.onnx_graph.registry import Op, Unsupported
from modelport_converters.onnx_to_tensorflow.registry import LayoutRule, TensorFlowTraits
from modelport_converters.onnx_to_tensorflow.values import Value
from modelport_converters.onnx_to_tensorflow.weights import Policy, Weight, arrange

Operator = Op[TensorFlowTraits]
Attributes = dict[str, Any]
Plain: TypeAlias = "Value | np.ndarray | None"
"""An input as an operator's function takes it: an array where it is static, None where it is absent."""

Item: TypeAlias = "Held | Weight | Plain"
"""A value while a graph is walked."""


class Held:
    """A tensor held in NHWC; the NCHW form is made on demand and kept."""

    def __init__(self, nhwc: tf.Tensor) -> None:
        self.nhwc = nhwc
        self._nchw: tf.Tensor | None = None
        self._graph = tf.compat.v1.get_default_graph()

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return int(self.nhwc.shape.rank)

    @property
    def nchw(self) -> tf.Tensor:
        """The tensor in NCHW, ONNX's order."""
        if self._nchw is not None:
            return self._nchw
        made = to_nchw(self.nhwc)
        if tf.compat.v1.get_default_graph() is self._graph:  # one made inside a loop's body is no value outside it
            self._nchw = made
        return made


class Layout:
    """Layout propagation: calls each operator with its inputs in the order, NCHW or NHWC, that its layout rule asks for.

    Args:
        policy: what becomes of initializers.
    """

    def __init__(self, policy: Policy) -> None:
        self.variables: list[tf.Variable] = []
        self._policy = policy
        self._nhwc: dict[int, tuple[tf.Tensor, tf.Tensor]] = {}
        self._weights: dict[ir.Value, Weight] = {}

    def constant(self, value: ir.Value) -> Weight:
        """Return the weight of an initializer: the same in every trace, since variables are created in the first one only."""
        if value not in self._weights:
            self._weights[value] = Weight(value, self._policy, self.variables)
        return self._weights[value]

    def plain(self, value: Item) -> Plain:
        """Return a value without its layout: a tensor in NCHW, or the sequence, optional or array that it is."""
        if isinstance(value, Held):
            return value.nchw
        return value.tensor() if isinstance(value, Weight) else value

    def call(self, op: Operator, node: ir.Node, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
        """Call an operator on bound arguments and return one value for each output."""
        for index, name in enumerate(op.parameters[: len(inputs)]):
            if name in op.static and inputs[index] is not None:
                inputs[index] = _static(name, self.plain_or_weight(inputs[index]))
        outputs = _RULES[op.traits.layout](self, op, inputs, attributes)
        for value, output in zip(node.outputs, outputs, strict=False):
            _set_shape(value, output)
        return outputs

    def plain_or_weight(self, value: Item) -> Weight | Plain:
        """Return a weight as it is, so that its array can be read, and anything else plain."""
        return value if isinstance(value, Weight) else self.plain(value)

    def argument(self, op: Operator, index: int, value: Item) -> Weight | Plain:
        """Return an input as a function without a layout takes it."""
        name = op.parameters[index] if index < len(op.parameters) else ""
        return self.plain_or_weight(value) if name in op.traits.lazy else self.plain(value)

    def nhwc(self, value: Item) -> tf.Tensor:
        """Return the NHWC form of a tensor of three or more dimensions."""
        if isinstance(value, Held):
            return value.nhwc
        if isinstance(value, Weight):
            return arrange(value, perm=nhwc_perm(len(value.shape)))
        kept = self._nhwc.get(id(value))
        if kept is not None and kept[0] is value and kept[1].graph is tf.compat.v1.get_default_graph():
            return kept[1]
        rank = _rank(value)
        assert rank is not None, value
        made = tf.transpose(value, nhwc_perm(rank))
        if hasattr(made, "graph"):
            self._nhwc[id(value)] = (value, made)
        return made


def nhwc_perm(rank: int) -> list[int]:
    """Return the permutation from NCHW to NHWC: 0, 2, …, rank-1, 1."""
    return [0, *range(2, rank), 1]


def nchw_perm(rank: int) -> list[int]:
    """Return the permutation from NHWC to NCHW: 0, rank-1, 1, …, rank-2."""
    return [0, rank - 1, *range(1, rank - 1)]


def to_nchw(tensor: tf.Tensor) -> tf.Tensor:
    """Transpose NHWC to NCHW; a reshape where every spatial dimension is 1, which moves nothing in memory."""
    sizes = tensor.shape.as_list()
    if all(size == 1 for size in sizes[1:-1]):
        known = [size if size is not None else -1 for size in (sizes[0], sizes[-1])]
        if known.count(-1) < 2:
            return tf.reshape(tensor, [known[0], known[1], *[1] * (len(sizes) - 2)])
    return tf.transpose(tensor, nchw_perm(len(sizes)))


def nhwc_axis(axis: int, rank: int) -> int:
    """Return the NHWC axis of an NCHW axis, which may be negative."""
    return nchw_perm(rank)[axis % rank]


def _static(name: str, value: Weight | Plain) -> np.ndarray:
    array = (
        value.array
        if isinstance(value, Weight)
        else value
        if isinstance(value, np.ndarray)
        else tf.get_static_value(value)
    )
    if array is None:
        raise Unsupported(f"its input {name!r} must be known when the model is converted")
    return array


def _set_shape(value: ir.Value, output: Item) -> None:
    """Set the shape that ONNX's shape inference found on a tensor whose rank TensorFlow does not know."""
    if isinstance(output, tf.Tensor) and output.shape.rank is None and value.shape is not None:
        output.set_shape([size if isinstance(size, int) else None for size in value.shape])


def _outputs(result: Item | tuple[Item, ...]) -> Sequence[Item]:
    return result if isinstance(result, tuple) else (result,)


def _held(result: Item | tuple[Item, ...], rank: int) -> Sequence[Item]:
    """Wrap the outputs that are channels-last."""
    return tuple(
        Held(item) if isinstance(item, tf.Tensor) and item.shape.rank == rank else item for item in _outputs(result)
    )


# --- the rules ------------------------------------------------------------------------------------


def _channels_first(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    arguments = [layout.argument(op, index, value) for index, value in enumerate(inputs)]
    return _outputs(op.function(*arguments, **attributes))


def _spatial(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    rank = _rank(inputs[0])
    if rank is None:
        raise Unsupported("the rank of its input is not known")
    if rank < 3:
        return _channels_first(layout, op, inputs, attributes)
    rest = [layout.argument(op, index, value) for index, value in enumerate(inputs[1:], 1)]
    return _held(op.function(layout.nhwc(inputs[0]), *rest, **attributes), rank)


def _elementwise(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    ranks = [_rank(value) for value in inputs if value is not None]
    rank = max((value.rank for value in inputs if isinstance(value, Held)), default=0)
    if rank == 0 or any(known is None or known > rank for known in ranks):
        return _channels_first(layout, op, inputs, attributes)
    arguments = [None if value is None else _broadcast(layout, value, rank) for value in inputs]
    return _held(op.function(*arguments, **attributes), rank)


def _broadcast(layout: Layout, value: Item, rank: int) -> Plain:
    """Return an operand so that it broadcasts against a channels-last tensor of this rank."""
    if isinstance(value, np.ndarray):  # a static parameter: no operand
        return value
    own = _rank(value) or 0
    if own in (0, rank):
        return layout.plain(value) if own == 0 else layout.nhwc(value)
    if isinstance(value, Weight):
        return arrange(value, shape=[*[1] * (rank - own), *value.shape], perm=nhwc_perm(rank))
    value = layout.plain(value)
    if own < rank - 1:  # ONNX aligns it with spatial dimensions only, or with one channel each
        value = tf.reshape(value, tf.concat([tf.ones([rank - own], tf.int32), tf.shape(value)], 0))
        return tf.transpose(value, nhwc_perm(rank))
    return tf.transpose(tf.expand_dims(value, 0), nhwc_perm(rank))


def _axis(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    held = [value for value in inputs if isinstance(value, Held)]
    operands = [value for value in inputs if _rank(value) != 0] if op.variadic else inputs[:1]  # scalars are scales
    if not held or any(_rank(value) != held[0].rank for value in operands):
        return _channels_first(layout, op, inputs, attributes)
    rank = held[0].rank
    attributes["axis"] = nhwc_axis(_default(op, attributes, "axis"), rank)
    arguments = [
        layout.nhwc(value) if any(value is operand for operand in operands) else layout.argument(op, index, value)
        for index, value in enumerate(inputs)
    ]
    return _held(op.function(*arguments, **attributes), rank)


def _quantized(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    return (_channels_first if attributes.get("block_size") else _axis)(layout, op, inputs, attributes)


def _reduce(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    if not isinstance(inputs[0], Held):
        return _channels_first(layout, op, inputs, attributes)
    rank, place = inputs[0].rank, op.parameters.index("axes") if "axes" in op.parameters else None
    given = _known(inputs[place]) if place is not None and place < len(inputs) else attributes.get("axis")
    axes = None if given is None else [int(axis) % rank for axis in np.ravel(given)]
    order = nhwc_perm(rank)
    left = [axis for axis in order if axes is not None and axis not in axes]
    if not axes or (not _default(op, attributes, "keepdims", 0) and left != sorted(left)):
        return _channels_first(layout, op, inputs, attributes)
    moved = [nhwc_axis(axis, rank) for axis in axes]
    if place is not None:
        inputs[place] = np.array(moved)
    else:
        attributes["axis"] = moved[0]
    arguments = [inputs[0].nhwc, *(layout.argument(op, index, value) for index, value in enumerate(inputs[1:], 1))]
    result = op.function(*arguments, **attributes)
    return _held(result, rank) if _default(op, attributes, "keepdims", 0) else _outputs(result)


def _pad(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    value, pads = inputs[0], _known(inputs[1])
    axes = _known(inputs[3]) if len(inputs) > 3 and inputs[3] is not None else None
    if not isinstance(value, Held) or pads is None or (len(inputs) > 3 and inputs[3] is not None and axes is None):
        return _channels_first(layout, op, inputs, attributes)
    named = range(value.rank) if axes is None else [int(axis) for axis in axes]
    moved = np.array([nhwc_axis(axis, value.rank) for axis in named], np.int64)
    constant = layout.plain(inputs[2]) if len(inputs) > 2 else None
    result = op.function(value.nhwc, tf.constant(pads), constant, tf.constant(moved), **attributes)
    return _held(result, value.rank)


def _slice(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    value, axes = inputs[0], _slice_axes(inputs)
    if not isinstance(value, Held) or axes is None:
        return _channels_first(layout, op, inputs, attributes)
    moved = np.array([nhwc_axis(int(axis), value.rank) for axis in axes], np.int64)
    plain = [None if item is None else layout.plain(item) for item in (*inputs[1:], None, None)]
    result = op.function(value.nhwc, plain[0], plain[1], tf.constant(moved), plain[3], **attributes)
    return _held(result, value.rank)


def _slice_axes(inputs: list[Item]) -> np.ndarray | None:
    """Return the axes of a Slice, the first ones by default, or None where they are not known."""
    if len(inputs) > 3 and inputs[3] is not None:
        axes = _known(inputs[3])
        return None if axes is None else np.ravel(axes)
    starts = _known(inputs[1])
    return None if starts is None else np.arange(len(starts))


def _transpose(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    value, given = inputs[0], attributes.get("perm")
    if not isinstance(value, Held):
        rank = _rank(value)
        if rank is not None and rank > 2 and given is not None and list(given) == nchw_perm(rank):
            return (Held(layout.plain(value)),)  # the input is the result, held channels-last
        return _channels_first(layout, op, inputs, attributes)
    perm = given or list(range(value.rank))[::-1]
    moved = [nhwc_axis(axis, value.rank) for axis in perm]
    if moved == list(range(value.rank)):
        return (value.nhwc,)
    return _outputs(op.function(value.nhwc, perm=moved))


def _shape(layout: Layout, op: Operator, inputs: list[Item], attributes: Attributes) -> Sequence[Item]:
    if not isinstance(inputs[0], Held):
        return _channels_first(layout, op, inputs, attributes)
    return _outputs(op.function(inputs[0].nhwc, order=nchw_perm(inputs[0].rank), **attributes))


Rule = Callable[[Layout, Operator, list[Item], Attributes], Sequence[Item]]

_RULES: dict[LayoutRule, Rule] = {
    LayoutRule.CHANNELS_FIRST: _channels_first,
    LayoutRule.SPATIAL: _spatial,
    LayoutRule.ELEMENTWISE: _elementwise,
    LayoutRule.AXIS: _axis,
    LayoutRule.QUANTIZED: _quantized,
    LayoutRule.REDUCE: _reduce,
    LayoutRule.PAD: _pad,
    LayoutRule.SHAPE: _shape,
    LayoutRule.SLICE: _slice,
    LayoutRule.TRANSPOSE: _transpose,
}


def _rank(value: Item) -> int | None:
    if isinstance(value, Held):
        return value.rank
    if isinstance(value, Weight | np.ndarray):
        return len(value.shape)
    rank = value.shape.rank if isinstance(value, tf.Tensor) else None
    return None if rank is None else int(rank)


def _known(value: Item) -> np.ndarray | None:
    if isinstance(value, Weight):
        return value.array
    return value if value is None or isinstance(value, np.ndarray) else tf.get_static_value(value)


def _default(op: Operator, attributes: Attributes, name: str, otherwise: int | None = None) -> int:
    """Return an attribute, or the default in the signature of the operator's function, or `otherwise`."""
    if name in attributes:
        return int(attributes[name])
    default = op.attributes.get(name)
    default = otherwise if default is None else default
    if default is None:
        raise Unsupported(f"the attribute {name} is missing")
    return int(default)
