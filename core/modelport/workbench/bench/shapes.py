"""The shapes to measure: the --shapes and --grid notations, and whether every model admits them, before anything is timed."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import ml_dtypes
from numpy.typing import NDArray

from modelport.errors import InvalidSignature, nearest
from modelport.signature import Signature, TensorSpec

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

_SHAPE = re.compile(r"^[1-9]\d*(x[1-9]\d*)*$")
_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


def parse_shapes(text: str) -> list[dict[str, Shape]]:
    """Read ``x=1x8,16x8;mask=1x8,16x8``: inputs between semicolons, the shapes of each in turn between commas.

    An input with a single shape has it in every case. Raises InvalidSignature.
    """
    listed = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, separator, values = part.rpartition("=")
        shapes = [value.strip() for value in values.split(",")]
        if not separator or not name.strip() or not all(_SHAPE.match(shape) for shape in shapes):
            raise InvalidSignature(
                f"cannot read the shapes {part!r}",
                where=f"--shapes '{text}'",
                remedy="write NAME=SHAPE,SHAPE with several inputs between semicolons, as in 'x=1x3x224x224,16x3x224x224'",
            )
        listed[name.strip()] = [tuple(map(int, shape.split("x"))) for shape in shapes]
    counts = {len(shapes) for shapes in listed.values()} - {1}
    if len(counts) > 1:
        raise InvalidSignature(
            "the inputs have different numbers of shapes: "
            + ", ".join(f"{name} {len(shapes)}" for name, shapes in listed.items()),
            where=f"--shapes '{text}'",
            remedy="give each input as many shapes, or one for all cases",
        )
    count = max((len(shapes) for shapes in listed.values()), default=0)
    return [{name: shapes[at % len(shapes)] for name, shapes in listed.items()} for at in range(count)]


def parse_grid(texts: Sequence[str]) -> list[dict[str, int]]:
    """Read ``N=1,8`` and ``H=64,128`` to all combinations of these sizes, the last varying fastest; raises InvalidSignature."""
    axes: dict[str, list[int]] = {}
    for text in texts:
        symbol, _, values = (part.strip() for part in text.partition("="))
        sizes = [value.strip() for value in values.split(",")]
        if not symbol or symbol in axes or not all(size.isdecimal() and int(size) for size in sizes):
            raise InvalidSignature(
                f"the dimension {symbol} is given twice" if symbol in axes else f"cannot read the sizes {text!r}",
                where=f"--grid '{text}'",
                remedy="write NAME=SIZE,SIZE once for each symbolic dimension, as in 'N=1,8,16'",
            )
        axes[symbol] = [int(size) for size in sizes]
    return [dict(zip(axes, sizes, strict=True)) for sizes in itertools.product(*axes.values())] if axes else []


def plan_cases(signatures: Sequence[Signature], titles: Sequence[str], shapes: str, grid: Sequence[str],
               examples: Mapping[str, int]) -> list[dict[str, int]]:  # fmt: skip
    """Return the sizes of the first model's symbolic dimensions in each case.

    Args:
        signatures: of all models; they must admit every case.
        titles: of the models, for messages.
        shapes, grid: the two notations, at most one of them given.
        examples: sizes of what neither says.

    Raises:
        InvalidSignature: for what a model contradicts.
    """
    if shapes and grid:
        raise InvalidSignature("both shapes and a grid are given", remedy="give --shapes or --grid, not both")
    first = signatures[0]
    unsaid = {symbol: first.size_of(symbol) for symbol in first.symbols} | dict(examples) | _fixed_by_others(signatures)
    said = [bind(first, chosen, titles[0]) for chosen in parse_shapes(shapes)] or parse_grid(grid) or [{}]
    for symbol in said[0]:
        if symbol not in first.symbols:
            close = nearest(symbol, first.symbols)
            raise InvalidSignature(
                f"the model has no symbolic dimension {symbol!r}",
                where=titles[0],
                remedy=f"{f'did you mean {close!r}? ' if close else ''}its inputs are {', '.join(map(str, first.inputs))}",
            )
    cases = [unsaid | sizes for sizes in said]
    for sizes in cases:
        for signature, title in zip(signatures, titles, strict=True):
            bind(signature, renamed(shapes_at(first, sizes), match(first, signature, title)), title)
    return cases


def shapes_at(signature: Signature, sizes: Mapping[str, int]) -> dict[str, Shape]:
    """Return the shape of every input when the symbolic dimensions have these sizes."""
    return {
        spec.name: tuple(sizes[dim] if isinstance(dim, str) else dim for dim in spec.shape or ())
        for spec in signature.inputs
    }


def match(first: Signature, other: Signature, title: str) -> dict[str, TensorSpec]:
    """Map the input names of the first model to another's inputs: by name, or by position where the names differ.

    Raises:
        InvalidSignature: when their number, or a dtype other than the kind of float, differs.
    """
    theirs = {spec.name: spec for spec in other.inputs}
    by_name = set(theirs) == {spec.name for spec in first.inputs}
    pairs = [
        (mine, theirs[mine.name] if by_name else spec) for mine, spec in zip(first.inputs, other.inputs, strict=False)
    ]
    differ = any(mine.dtype != spec.dtype and not {mine.dtype, spec.dtype} <= _FLOATS for mine, spec in pairs)
    if len(first.inputs) != len(other.inputs) or differ:
        raise InvalidSignature(
            f"its inputs are {', '.join(map(str, other.inputs))}, those of the first {', '.join(map(str, first.inputs))}",
            where=title,
            remedy="benchmark models of one signature together",
        )
    return {mine.name: spec for mine, spec in pairs}


def renamed(values: Mapping[str, Any], names: Mapping[str, TensorSpec]) -> dict[str, Any]:
    """Return what is given by the first model's input names by another's."""
    return {names[name].name: value for name, value in values.items()}


def cast(arrays: Mapping[str, NDArray[Any]], names: Mapping[str, TensorSpec]) -> dict[str, NDArray[Any]]:
    """Return the first model's arrays under another's names, floats in its kind of float."""
    kinds: dict[str, Any] = {"bfloat16": ml_dtypes.bfloat16}
    return {
        spec.name: arrays[name].astype(kinds.get(spec.dtype, spec.dtype), copy=False)
        if spec.dtype in _FLOATS
        else arrays[name]
        for name, spec in names.items()
    }


def samples_in(shapes: Shapes) -> int:
    """Return the size of the batch: the leading size that all inputs share, or 1."""
    leading = {shape[0] for shape in shapes.values() if shape}
    return leading.pop() if len(leading) == 1 else 1


def elements_in(shapes: Shapes) -> int:
    """Return how many values the inputs hold."""
    return sum(math.prod(shape) for shape in shapes.values())


def show(shapes: Mapping[str, Sequence[int]]) -> str:
    """Write shapes as --shapes reads them."""
    return "; ".join(f"{name}={'x'.join(map(str, shape)) or 'scalar'}" for name, shape in shapes.items())


def bind(signature: Signature, shapes: Shapes, title: str) -> dict[str, int]:
    """Return the sizes that symbolic dimensions have in these shapes; raises InvalidSignature where the model contradicts."""
    known = {spec.name: spec for spec in signature.inputs}
    sizes: dict[str, int] = {}
    for name, shape in shapes.items():
        if name not in known:
            close = nearest(name, known)
            raise _contradiction(
                f"it has no input {name!r}{f'; did you mean {close!r}?' if close else ''}", known, title
            )
        dims = known[name].shape
        if dims is not None and len(dims) != len(shape):
            raise _contradiction(f"its input {name!r} has {len(dims)} dimensions, not {len(shape)}", known, title)
        for axis, (dim, size) in enumerate(zip(dims or (), shape, strict=False)):
            fixed = sizes.setdefault(dim, size) if isinstance(dim, str) else dim
            if fixed != size:
                why = f", as {dim} elsewhere" if isinstance(dim, str) else ""
                raise _contradiction(f"axis {axis} of its input {name!r} is {fixed}{why}, not {size}", known, title)
    return sizes


def _contradiction(what: str, known: Mapping[str, TensorSpec], title: str) -> InvalidSignature:
    return InvalidSignature(
        f"the model contradicts the shapes: {what}",
        where=title,
        remedy=f"give shapes that all models admit; the inputs are {', '.join(map(str, known.values()))}",
    )


def _fixed_by_others(signatures: Sequence[Signature]) -> dict[str, int]:
    """Return the sizes that another model fixes where the first one is free."""
    first, *others = signatures
    return {
        mine: theirs
        for other in others
        for spec, fixed in zip(first.inputs, other.inputs, strict=False)
        for mine, theirs in zip(spec.shape or (), fixed.shape or (), strict=False)
        if isinstance(mine, str) and isinstance(theirs, int)
    }
