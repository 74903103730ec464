"""Other evaluations of an ONNX graph than ONNX Runtime's usual one, and its values before an index or label is chosen.

Runtimes fuse operators and define corner cases as they like: a fusion overflows, a maximum swallows NaN. Whether a graph is
right there is decided by running it without fusions, or by onnx's reference evaluator.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from modelport.proof.cases.graph_index import PASS_ON, GraphIndex
from modelport.proof.compare import is_float
from modelport.proof.double_graph import in_double
from modelport.session import open_session

Arrays = Mapping[str, NDArray[Any]]
Runner = Callable[[Arrays], Mapping[str, Any]]

_LARGEST_BYTES = 4 * 2**20
"""Of a case's inputs: the reference evaluator is slow."""

_NEARBY = 8
"""How often weights are moved at random: the largest of so many differences is some two standard deviations."""

_DEFAULT_AXIS = {"ArgMax": 0, "ArgMin": 0, "TopK": -1}
_TIE = 4
"""Machine epsilons of their magnitude by which equal scores may differ from the order of the work."""


class OtherEvaluations:
    """The other evaluations of one ONNX file, each made when it is first asked for.

    Args:
        path: the file, its external data beside it, or a model in memory.
    """

    def __init__(self, path: Path | onnx.ModelProto) -> None:
        self._source = path
        self._made: dict[str, Runner] = {}

    @cached_property
    def path(self) -> Path:
        """The file; a model in memory is written to a folder that lasts as long as its evaluations."""
        if isinstance(self._source, Path):
            return self._source
        folder = tempfile.mkdtemp(prefix="modelport-")
        weakref.finalize(self, shutil.rmtree, folder, True)
        path = Path(folder) / "model.onnx"
        onnx.save(self._source, str(path))
        return path

    @property
    def runners(self) -> tuple[tuple[str, Runner], ...]:
        """Every other evaluation with its title."""
        return (
            ("ONNX Runtime without its optimisations", lambda arrays: self._runner("plain", self._plain)(arrays)),
            ("onnx's reference evaluator", lambda arrays: self._runner("reference", self._reference)(arrays)),
        )

    def usual(self, arrays: Arrays) -> Mapping[str, Any]:
        """Run the file as it is run in a proof."""
        return self._runner("usual", lambda: open_session(self.path, exact=True, fall_back=True).run)(arrays)

    def in_double(self, arrays: Arrays) -> Mapping[str, Any]:
        """Run the graph in float64, on onnx's reference evaluator."""
        wide = {name: array.astype(np.float64) if is_float(array) else array for name, array in arrays.items()}
        return self._runner("double", lambda: self._evaluator(in_double(onnx.load(str(self.path)))))(wide)

    def nearby(self, arrays: Arrays) -> list[Mapping[str, Any]]:
        """Run the graph in float64 with its weights moved by their last digit, several times at random."""
        wide = {name: array.astype(np.float64) if is_float(array) else array for name, array in arrays.items()}
        return [self._runner(f"nearby {seed}", partial(self._moved, seed))(wide) for seed in range(_NEARBY)]

    def tied(self, arrays: Arrays, output: str, expected: NDArray[Any], got: NDArray[Any]) -> NDArray[Any] | None:
        """Return where two answers of an output are choices among equal scores; None where it chooses nothing.

        Args:
            arrays: the inputs.
            output: its name; indices of a TopK, ArgMax or ArgMin, or labels looked up with them.
            expected, got: the two answers.
        """
        model = onnx.load(str(self.path), load_external_data=False)
        index = GraphIndex(model.graph)
        choice = _choice(index, output)
        if choice is None:
            cast = _cast(index, output)
            return None if cast is None else self._undefined(cast, arrays, expected)
        node, table = choice
        asked = [name for name in (node.input[0], *node.output[-1:]) if name]
        values = open_session(self.path, exact=True, outputs=asked).run(arrays)
        scores, indices = np.asarray(values[asked[0]]), np.asarray(values[asked[-1]])
        chosen = [_indices(answer, table, indices.shape) for answer in (expected, got)]
        if chosen[0] is None or chosen[1] is None:
            return None
        axis = next(
            (attribute.i for attribute in node.attribute if attribute.name == "axis"), _DEFAULT_AXIS[node.op_type]
        )
        return _equal(scores, chosen[0], chosen[1], axis).reshape(expected.shape)

    def _runner(self, key: str, make: Callable[[], Runner]) -> Runner:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _undefined(self, source: str, arrays: Arrays, expected: NDArray[Any]) -> NDArray[Any] | None:
        """Return where a float that is no number of an integer type was cast to it: C leaves the result open, and so ONNX."""
        if source in arrays:
            values = arrays[source]
        else:
            values = np.asarray(open_session(self.path, exact=True, outputs=[source]).run(arrays)[source])
        if values.size != expected.size or not is_float(values) or expected.dtype.kind not in "iu":
            return None
        info = np.iinfo(expected.dtype)
        whole = np.trunc(values.astype(np.float64)).reshape(expected.shape)
        return np.asarray(~((whole >= float(info.min)) & (whole < float(info.max) + 1)))

    def _moved(self, seed: int) -> Runner:
        return self._evaluator(in_double(onnx.load(str(self.path)), np.random.default_rng(seed)))

    def _plain(self) -> Runner:
        return open_session(self.path, exact=True, optimised=False).run

    def _reference(self) -> Runner:
        return self._evaluator(str(self.path))

    def _evaluator(self, model: onnx.ModelProto | str) -> Runner:
        evaluator = ReferenceEvaluator(model)

        def run(arrays: Arrays) -> Mapping[str, Any]:
            if sum(array.nbytes for array in arrays.values()) > _LARGEST_BYTES:
                raise ValueError("too large for the reference evaluator")
            with np.errstate(all="ignore"):
                return dict(zip(evaluator.output_names, evaluator.run(None, dict(arrays)), strict=True))

        return run


def _choice(index: GraphIndex, output: str) -> tuple[onnx.NodeProto, NDArray[Any] | None] | None:
    """Return the node that chooses what an output holds, and the table that its indices are looked up in, if they are."""
    table = None
    name, node = index.origin(output)
    if index.is_lookup(node):
        table = onnx.numpy_helper.to_array(index.constants[node.input[0]]).reshape(-1)
        name, node = index.origin(node.input[1])
    return (node, table) if node is not None and node.op_type in _DEFAULT_AXIS and name == node.output[-1] else None


def _cast(index: GraphIndex, output: str) -> str | None:
    """Return the value that an output is cast from, perhaps in another shape; None where it is no cast."""
    while (node := index.producers.get(output)) is not None and node.op_type in PASS_ON:
        output = node.input[0]
        if node.op_type == "Cast":
            return output
    return None


def _indices(answer: NDArray[Any], table: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Return an answer as indices of the shape that they were chosen in: labels by their place in the table."""
    if answer.size != int(np.prod(shape)):
        return None
    if table is None:
        return answer.reshape(shape).astype(np.int64)
    texts = [entry.decode() if isinstance(entry, bytes) else entry for entry in table.tolist()]
    places = {label: place for place, label in enumerate(texts)}
    found = [places.get(label, -1) for label in answer.reshape(-1).tolist()]
    return None if -1 in found else np.asarray(found, np.int64).reshape(shape)


@np.errstate(invalid="ignore")
def _equal(scores: NDArray[Any], first: NDArray[Any], second: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return where two choices of indices along an axis pick equal scores; an order with NaN in it is not defined."""
    if first.ndim < scores.ndim:  # the axis was dropped
        first, second = np.expand_dims(first, axis), np.expand_dims(second, axis)
    size = scores.shape[axis]
    valid = (first >= -size) & (first < size) & (second >= -size) & (second < size)
    picked = [np.take_along_axis(scores, np.where(valid, chosen, 0), axis) for chosen in (first, second)]
    if scores.dtype.kind != "f":
        return np.asarray(valid & (picked[0] == picked[1]))
    slack = _TIE * np.finfo(scores.dtype).eps * np.abs(picked[0])
    undefined = np.broadcast_to(np.isnan(scores).any(axis=axis, keepdims=True), picked[0].shape)
    return np.asarray(valid & (undefined | (picked[0] == picked[1]) | (np.abs(picked[0] - picked[1]) <= slack)))
