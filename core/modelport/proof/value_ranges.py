"""What values a graph admits at each of its inputs, read off the graph itself.

Random integers break an embedding, random words meet no vocabulary, and random floats rarely hit the threshold of a tree. So the
consumers of each input are followed through operators that keep values as they are, up to the ones that say what they expect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, numpy_helper

from modelport.errors import CheckFailed
from modelport.proof.cases.branches import Condition, conditions_of
from modelport.proof.cases.graph_index import GraphIndex
from modelport.proof.cases.hidden_scores import no_scores, scores_of
from modelport.proof.cases.labels import labels_of
from modelport.proof.cases.named_values import NamedValues, named_values
from modelport.proof.cases.tree_leaves import Box

_KEEP_VALUES = frozenset({
    "Identity", "Cast", "CastLike", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Transpose", "Expand", "Slice", "Concat",
    "Split", "Tile", "Clip", "Where", "Pad", "Gather", "GatherElements", "GatherND", "Max", "Min", "Mod", "StringNormalizer",
})  # fmt: skip
_INDEXED = {"Gather": 1, "GatherElements": 1, "GatherND": 1, "Scatter": 1, "ScatterElements": 1, "ScatterND": 1}
# The operands that are sizes, counts or positions rather than data: large values there mean gigabytes or errors.
_SIZES = {
    "Reshape": (1,), "Expand": (1,), "Tile": (1,), "ConstantOfShape": (0,), "Range": (0, 1, 2), "TopK": (1,), "OneHot": (1,),
    "Slice": (1, 2, 3, 4), "Pad": (1, 3), "Resize": (3,), "Split": (1,), "Trilu": (1,), "Unsqueeze": (1,), "Squeeze": (1,),
    "Loop": (0,), "CenterCropPad": (1,), "DFT": (1, 2), "EyeLike": (), "CumSum": (1,),
}  # fmt: skip
_DIVISORS = {"Div": 1, "Mod": 1}
_NO_EMPTY_BATCH = ("LSTM", "GRU", "RNN")
"""ONNX Runtime 1.31 ends the process on these with a batch of no rows."""

UNDEFINED_FOR_NAN = frozenset({
    "Clip", "HardSigmoid", "HardSwish", "Softplus", "Mish", "Gelu", "Elu", "Celu", "Selu", "Erf", "Sigmoid", "Tanh", "Softmax",
    "LogSoftmax", "Attention", "LSTM", "GRU", "RNN", "ArgMax", "ArgMin", "TopK",
})  # fmt: skip
"""Operators of which ONNX does not say what they make of NaN and infinities, and of which kernels make different things."""

_SWALLOWING = frozenset({
    "MaxPool", "GlobalMaxPool", "MaxUnpool", "MaxRoiPool", "RoiAlign", "Resize", "Upsample", "GridSample",
})  # fmt: skip
"""Operators whose kernels may turn NaN into a number, so that not even finite rows tell anything."""

_POSITIONS = (8, 4096)
"""Rows of a table that may be looked up by position: fewer are no sequence, more are a vocabulary."""

_VOCABULARIES = ("keys_strings", "cats_strings", "classes_strings", "pool_strings", "string_vocabulary")
_INTEGER_VOCABULARIES = ("keys_int64s", "cats_int64s", "int64_vocabulary")


@dataclass
class ValueRange:
    """What one input admits.

    Attributes:
        low, high: integers lie in [low, high); None where the graph does not bound them.
        strings: the vocabulary that the input is looked up in.
        text: True when strings are texts, to be made of several words of the vocabulary.
        integers: the categories an integer input is looked up in.
        indexed: whether an integer input is looked up in a table, where negative indices count from its end.
        thresholds: for each feature (column of the last axis), the values at which a tree decides.
        leaves: for leaves of trees, the intervals of the columns on their paths; `leaf_count` says how many leaves there are.
        named: values that the graph compares the input with.
    """

    low: int | None = None
    high: int | None = None
    strings: list[str] = field(default_factory=list)
    text: bool = False
    integers: list[int] = field(default_factory=list)
    indexed: bool = False
    thresholds: dict[int, NDArray[Any]] = field(default_factory=dict)
    leaves: list[Box] = field(default_factory=list)
    leaf_count: int = 0
    named: NamedValues = field(default_factory=NamedValues)

    def narrow(self, low: int, high: int) -> None:
        """Intersect the integer range with [low, high)."""
        self.low = low if self.low is None else max(self.low, low)
        self.high = high if self.high is None else min(self.high, high)


class ValueRanges(dict[str, ValueRange]):
    """The value_range of each graph input, and what the graph says of sizes.

    Attributes:
        lengths: rows of tables that the graph looks up by position, such as position embeddings, the smallest first.
        empty_batches: whether a batch of no rows may be tried.
        nan_defined: whether the graph holds only operators that keep or handle NaN and infinities as ONNX defines.
        nan_comparable: whether anything can be told from NaN and infinities.
        labels: every label that an output may hold, for outputs that are labels.
        conditions: of If nodes.
        scores: returns the scores that the graph chooses a label by, for an output and inputs.
    """

    lengths: tuple[int, ...] = ()
    empty_batches: bool = True
    nan_defined: bool = False
    nan_comparable: bool = True
    labels: Mapping[str, tuple[Any, ...]] = MappingProxyType({})
    conditions: Sequence[Condition] = ()
    scores: Callable[[str, Mapping[str, NDArray[Any]]], NDArray[Any]] = staticmethod(no_scores)

    def joined(self, other: ValueRanges) -> ValueRanges:
        """Add the words, categories and named values that another graph of the same inputs holds."""
        for name, value_range in self.items():
            theirs = other.get(name, ValueRange())
            value_range.strings += [word for word in theirs.strings if word not in value_range.strings]
            value_range.integers += [number for number in theirs.integers if number not in value_range.integers]
            value_range.named = value_range.named or theirs.named
        self.empty_batches &= other.empty_batches
        self.nan_defined &= other.nan_defined or not other
        self.nan_comparable &= other.nan_comparable
        self.lengths = tuple(sorted({*self.lengths, *other.lengths}))[:3]
        return self

    def renamed(self, names: Mapping[str, str]) -> ValueRanges:
        """Return the same for inputs of other names; those without one are left out."""
        ranges = ValueRanges({names[name]: value_range for name, value_range in self.items() if name in names})
        ranges.lengths, ranges.empty_batches = self.lengths, self.empty_batches
        ranges.labels = self.labels
        ranges.nan_defined, ranges.nan_comparable = self.nan_defined, self.nan_comparable
        return ranges


def ranges_of(path: Path) -> ValueRanges:
    """Return the value_range of each graph input of an ONNX file (weights kept outside the file are not read)."""
    try:
        ranges = ranges_of_model(onnx.load(str(path), load_external_data=False))
        ranges.scores = scores_of(path)
        return ranges
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise CheckFailed(
            f"attributes of the graph contradict one another: {' '.join(str(error).split())[:300]}",
            where=str(path),
            remedy="export the model again",
        ) from error


def ranges_of_model(model: onnx.ModelProto) -> ValueRanges:
    """Return the value_range of each graph input of a model."""
    walker = _Walker(model.graph)
    inputs = [value.name for value in model.graph.input if value.name not in walker.constants]
    ranges = ValueRanges({name: walker.value_range(name) for name in inputs})
    ranges.lengths = _lengths(walker)
    ranges.labels = labels_of(walker, [value.name for value in model.graph.output])
    ranges.conditions = conditions_of(model, walker)
    operators = {node.op_type for node in walker.nodes()}
    ranges.empty_batches = not operators & set(_NO_EMPTY_BATCH)
    ranges.nan_defined, ranges.nan_comparable = not operators & UNDEFINED_FOR_NAN, not operators & _SWALLOWING
    return ranges


class _Walker(GraphIndex):
    """Follows an input to its consumers."""

    def value_range(self, name: str) -> ValueRange:
        """Follow one input through the graph."""
        found = ValueRange()
        seen: set[tuple[str, int]] = set()
        pending: list[tuple[str, int, int | None]] = [(name, 0, 0)]
        while pending:
            value, shift, columns = pending.pop()
            if (value, shift) in seen:
                continue
            seen.add((value, shift))
            for node, position in self.consumers.get(value, ()):
                self._consume(found, node, position, shift, None if columns is None else (columns, self.width(name)))
                moved = self._passes(node, position)
                if moved is not None:
                    first = self.first_column(node, position, columns)
                    pending += [(output, shift + moved, first) for output in node.output]
        found.named, found.leaves, found.leaf_count = named_values(self, name)
        return found

    def _passes(self, node: NodeProto, position: int) -> int | None:
        """Return the constant that the node adds to the value it passes on, or None where it passes nothing on."""
        adds = node.op_type == "Add" or (node.op_type == "Sub" and position == 0)
        other = node.input[1 - position] if adds else ""
        if other in self.constants:
            constant = numpy_helper.to_array(self.constants[other])
            if constant.size == 1 and constant.dtype.kind in "iu":
                return int(constant.reshape(-1)[0]) * (1 if node.op_type == "Add" else -1)
        if node.op_type == "Tokenizer":
            return 0
        first_only = node.op_type not in ("Concat", "Where", "Max", "Min")
        return 0 if node.op_type in _KEEP_VALUES and not (first_only and position > 0) else None

    def _consume(
        self, found: ValueRange, node: NodeProto, position: int, shift: int, columns: tuple[int, int | None] | None
    ) -> None:
        """Note what one consumer expects."""
        if _INDEXED.get(node.op_type) == position:
            rows = self._rows(node)
            found.indexed = True
            if rows:
                found.narrow(-shift, rows - shift)
        elif position in _SIZES.get(node.op_type, ()):
            found.narrow(1, 5)
        elif _DIVISORS.get(node.op_type) == position:  # dividing an integer by zero has no defined result
            found.narrow(1 - shift, 128 - shift)
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type.startswith("TreeEnsemble") and columns:
            _add_thresholds(found, attributes, *columns)
        for key in _VOCABULARIES:
            if key in attributes:
                found.strings += [text.decode("utf-8", "replace") for text in attributes[key].strings]
        for key in _INTEGER_VOCABULARIES:
            if key in attributes:
                found.integers += list(attributes[key].ints)
        if "keys_tensor" in attributes:
            _add_keys(found, numpy_helper.to_array(attributes["keys_tensor"].t))
        found.text = found.text or node.op_type == "Tokenizer"
        self._add_compared(found, node, position)

    def _add_compared(self, found: ValueRange, node: NodeProto, position: int) -> None:
        """Strings compared with constants are a vocabulary too."""
        if node.op_type == "Equal":
            other = self.constants.get(node.input[1 - position])
            if other is not None and other.data_type == onnx.TensorProto.STRING:
                _add_keys(found, numpy_helper.to_array(other))

    def _rows(self, node: NodeProto) -> int | None:
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        data = node.input[0]
        shape = tuple(self.constants[data].dims) if data in self.constants else self.shapes.get(data)
        if not shape or node.op_type.endswith("ND"):
            return shape[0] if shape else None
        return shape[axis] if -len(shape) <= axis < len(shape) else None


def _lengths(index: GraphIndex) -> tuple[int, ...]:
    """Return the rows of constants that are cut or looked up by position: at indices that are computed, not given."""
    found = set()
    for node in index.nodes():
        place = {"Gather": 1, "Slice": 2}.get(node.op_type, 0)
        data = node.input[0] if place and len(node.input) > place else ""
        if data in index.constants and node.input[place] not in index.constants:
            dims = [size for size in index.constants[data].dims[:2] if _POSITIONS[0] <= size <= _POSITIONS[1]]
            found.update(dims[:1] if node.op_type == "Gather" else dims)
    return tuple(sorted(found)[:3])


def _add_keys(found: ValueRange, keys: NDArray[Any]) -> None:
    flat = keys.reshape(-1)
    if flat.dtype.kind in "OSU":
        found.strings += [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in flat]
    elif flat.dtype.kind in "iu":
        found.integers += [int(item) for item in flat]


def _add_thresholds(found: ValueRange, attributes: Mapping[str, AttributeProto], first: int, width: int | None) -> None:
    """Note the thresholds of the input's own features: those from column `first` of the tree's, `width` in number."""
    features = next((attributes[key].ints for key in ("nodes_featureids",) if key in attributes), ())
    values: Any = ()
    for key in ("nodes_values_as_tensor", "nodes_splits"):
        if key in attributes:
            values = numpy_helper.to_array(attributes[key].t)
    if "nodes_values" in attributes:
        values = np.asarray(attributes["nodes_values"].floats, np.float32)
    if len(features) != len(values):
        return
    modes = [mode.decode() for mode in attributes["nodes_modes"].strings] if "nodes_modes" in attributes else []
    branch = np.asarray([mode != "LEAF" for mode in modes] if modes else [True] * len(values))
    ids, values = np.asarray(features)[branch], np.asarray(values, np.float64)[branch]
    for feature in np.unique(ids):
        column = int(feature) - first
        if column >= 0 and (width is None or column < width):
            known = found.thresholds.get(column, np.empty(0))
            found.thresholds[column] = np.unique(np.concatenate([known, values[ids == feature]]))
