"""Named inputs and outputs: TensorSpec, Signature, symbolic dimensions and the --input notation.

The notation is ``NAME:DTYPE[DIMS]``: ``x:float32[N,3,224,224]``. A dimension is a size, a name (a symbolic dimension; equal
names mean equal sizes), a name with the size of the example (``H=64``), or ``?`` (unknown, named after its input).
``x:float32[]`` is a scalar; ``x:float32`` leaves the rank to the model, ``x[N,4]`` the dtype.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from modelport.errors import InvalidSignature, nearest

Dim = int | str
Kind = Literal["tensor", "sequence", "map", "sequence_of_maps"]

DTYPES: tuple[str, ...] = (
    "float32", "float64", "float16", "bfloat16",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "bool", "string", "complex64", "complex128",
)  # fmt: skip
_ALIASES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "int": "int64",
    "str": "string",
    "object": "string",
}

_SPEC = re.compile(r"^(?P<name>[^:\[\]]+?)(?::(?P<dtype>[A-Za-z0-9_]+))?(?:\[(?P<dims>[^\[\]]*)\])?$")
_DIM = re.compile(r"^(?:(?P<size>\d+)|(?P<any>\?)|(?P<name>[A-Za-z_][\w.]*)(?:=(?P<example>\d+))?)$")


@dataclass(frozen=True)
class TensorSpec:
    """One named input or output.

    Attributes:
        name: the ONNX name.
        dtype: a name in `DTYPES`; an empty string while unknown.
        shape: a size or a symbolic name for each axis; None while the rank is unknown.
        kind: "tensor", or how maps and sequences nest (ZipMap yields "sequence_of_maps").
        columns: the names of the columns of the last axis, where the model was fitted on named ones.
        nan: whether the model takes NaN as a missing value.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...] | None
    kind: Kind = "tensor"
    columns: tuple[str, ...] = ()
    nan: bool = False

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of the symbolic dimensions, in order of appearance."""
        return tuple(dict.fromkeys(dim for dim in self.shape or () if isinstance(dim, str)))

    def __str__(self) -> str:
        dims = "" if self.shape is None else f"[{','.join(map(str, self.shape))}]"
        return f"{self.name}:{self.dtype}{dims}" if self.dtype else f"{self.name}{dims}"


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a model, in order.

    Attributes:
        inputs: at least the name, dtype and rank of each input.
        outputs: may be empty where the plugin cannot know them before the export.
        examples: the example's size of a symbolic dimension, by name, where somebody has said it.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...] = ()
    examples: Mapping[str, int] = field(default_factory=dict)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of all symbolic dimensions of the inputs, in order of appearance."""
        return tuple(dict.fromkeys(symbol for spec in self.inputs for symbol in spec.symbols))

    def size_of(self, symbol: str) -> int:
        """Return the example's size of a symbolic dimension (a guess by position where nobody has said it).

        A leading dimension is taken for a batch and gets 3. Any other gets 32, which survives the strides and poolings of
        usual image networks and stays under the sequence lengths of usual text models.
        """
        if symbol in self.examples:
            return self.examples[symbol]
        leading = any(spec.shape and spec.shape[0] == symbol for spec in self.inputs)
        return 3 if leading else 32

    def refined_by(self, wanted: Sequence[TensorSpec], examples: Mapping[str, int] | None = None) -> Signature:
        """Return this signature with the user's --input applied.

        The user may name symbolic dimensions and fix them to sizes; inputs (and outputs) that share a dimension follow.

        Raises:
            InvalidSignature: for an unknown name, another dtype, another rank, or a dimension that the model fixes.
        """
        known = {spec.name: spec for spec in self.inputs}
        for spec in wanted:
            if spec.name not in known:
                raise _unknown_input(spec.name, known)
        by_name = {spec.name: spec for spec in wanted}
        inputs = tuple(_refine(spec, by_name.get(spec.name)) for spec in self.inputs)
        named: dict[str, Dim] = {}
        for before, after in zip(self.inputs, inputs, strict=True):
            for have, want in zip(before.shape or (), after.shape or (), strict=False):
                if isinstance(have, str) and have != want:
                    named.setdefault(have, want)
        said = {spec.name for spec in wanted if spec.shape is not None}
        inputs = tuple(spec if spec.name in said else _rename(spec, named) for spec in inputs)
        outputs = tuple(_rename(spec, named) for spec in self.outputs)
        kept = {
            want: self.examples[have] for have, want in named.items() if isinstance(want, str) and have in self.examples
        }
        return Signature(inputs, outputs, {**self.examples, **kept, **(examples or {})})


def parse_inputs(texts: Iterable[str]) -> tuple[tuple[TensorSpec, ...], dict[str, int]]:
    """Read several --input values.

    Returns:
        The specifications, and the example's size of each symbolic dimension given as ``NAME=SIZE``.

    Raises:
        InvalidSignature: for a value that does not parse, a name given twice or two sizes for one dimension.
    """
    specs: dict[str, TensorSpec] = {}
    examples: dict[str, int] = {}
    for text in texts:
        spec, sizes = _parse(text)
        if spec.name in specs:
            raise InvalidSignature(
                f"the input {spec.name!r} is given twice", where=f"--input '{text}'", remedy="keep one"
            )
        for symbol, size in sizes.items():
            _note_example(examples, symbol, size, text)
        specs[spec.name] = spec
    return tuple(specs.values()), examples


def parse_input(text: str) -> TensorSpec:
    """Read one value of --input, such as ``x:float32[N,3,224,224]``; raises InvalidSignature."""
    return _parse(text)[0]


def canonical_dtype(text: str) -> str:
    """Return the dtype's name in `DTYPES` (accepting numpy, torch and tf spellings), or raise InvalidSignature."""
    name = text.removeprefix("torch.").removeprefix("tf.").lower()
    name = _ALIASES.get(name, name)
    if name.startswith("str"):
        return "string"
    if name not in DTYPES:
        close = nearest(name, DTYPES)
        hint = f"did you mean {close}? " if close else ""
        raise InvalidSignature(f"there is no dtype {text!r}", remedy=f"{hint}known: {', '.join(DTYPES)}")
    return name


def _parse(text: str) -> tuple[TensorSpec, dict[str, int]]:
    match = _SPEC.match(text.strip())
    if not match:
        raise InvalidSignature(
            f"cannot read the input {text!r}",
            where=f"--input '{text}'",
            remedy="write NAME:DTYPE[DIMS], as in 'x:float32[N,3,224,224]'",
        )
    name = match["name"].strip()
    dtype = canonical_dtype(match["dtype"]) if match["dtype"] else ""
    shape: list[Dim] | None = None
    examples: dict[str, int] = {}
    if match["dims"] is not None:
        shape = []
        for axis, item in enumerate(part.strip() for part in match["dims"].split(",") if match["dims"].strip()):
            dim, example = _parse_dim(item, name, axis, text)
            shape.append(dim)
            if example is not None and isinstance(dim, str):
                _note_example(examples, dim, example, text)
    return TensorSpec(name, dtype, None if shape is None else tuple(shape)), examples


def _note_example(examples: dict[str, int], symbol: str, size: int, text: str) -> None:
    if examples.setdefault(symbol, size) != size:
        raise InvalidSignature(
            f"the dimension {symbol} has two sizes, {examples[symbol]} and {size}",
            where=f"--input '{text}'",
            remedy="equal names mean equal sizes: give one size, or two names",
        )


def _parse_dim(item: str, name: str, axis: int, text: str) -> tuple[Dim, int | None]:
    match = _DIM.match(item)
    if not match:
        raise InvalidSignature(
            f"cannot read the dimension {item!r}",
            where=f"--input '{text}', axis {axis}",
            remedy="a dimension is a size (3), a name (N), a name with an example's size (H=64), or ?",
        )
    if match["size"] is not None:
        return int(match["size"]), None
    if match["any"]:
        return f"{name}_dim{axis}", None
    return match["name"], int(match["example"]) if match["example"] else None


def _unknown_input(name: str, known: Mapping[str, TensorSpec]) -> InvalidSignature:
    close = nearest(name, known)
    hint = f"did you mean {close!r}? " if close else ""
    return InvalidSignature(
        f"the model has no input {name!r}",
        where=f"--input '{name}'",
        remedy=f"{hint}its inputs are {', '.join(map(str, known.values()))}",
    )


def _rename(spec: TensorSpec, named: Mapping[str, Dim]) -> TensorSpec:
    if spec.shape is None:
        return spec
    return replace(spec, shape=tuple(named.get(dim, dim) if isinstance(dim, str) else dim for dim in spec.shape))


def _refine(spec: TensorSpec, wanted: TensorSpec | None) -> TensorSpec:
    if wanted is None:
        return spec
    where = f"--input '{wanted}'"
    if wanted.dtype and spec.dtype and wanted.dtype != spec.dtype:
        raise InvalidSignature(
            f"the input {spec.name!r} is {spec.dtype}, not {wanted.dtype}", where=where, remedy=f"write '{spec}'"
        )
    dtype = spec.dtype or wanted.dtype
    if wanted.shape is None or spec.shape is None:
        return replace(spec, dtype=dtype, shape=spec.shape if wanted.shape is None else wanted.shape)
    if len(wanted.shape) != len(spec.shape):
        raise InvalidSignature(
            f"the input {spec.name!r} has {len(spec.shape)} dimensions, not {len(wanted.shape)}",
            where=where,
            remedy=f"write it like '{spec}'",
        )
    for axis, (have, want) in enumerate(zip(spec.shape, wanted.shape, strict=True)):
        if isinstance(have, int) and have != want:
            raise InvalidSignature(
                f"the model fixes axis {axis} of the input {spec.name!r} at {have}, not {want}",
                where=where,
                remedy=f"write it like '{spec}'",
            )
    return replace(spec, dtype=dtype, shape=wanted.shape)
