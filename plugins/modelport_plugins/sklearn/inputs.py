"""The inputs of a fitted estimator: one matrix, or one column for each that a ColumnTransformer uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelport import TensorSpec
from modelport.errors import InvalidSignature, SignatureNeeded, nearest

from .steps import first_step, takes_missing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = "N"
MATRIX = "X"
USABLE = ("float32", "float64", "int64", "int32", "bool")
"""The dtypes of numeric inputs that skl2onnx takes."""

InitialType = tuple[str, str, int]
"""The name, dtype and number of columns of one input."""


def of(model: Any, wanted: Sequence[TensorSpec], samples: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return the inputs; the user's --input decides over the samples, the samples over what fitting has learnt.

    Raises:
        InvalidSignature: for a name, width or dtype that the estimator cannot take.
        SignatureNeeded: when neither the estimator nor the user says how many features there are.
    """
    if column_names(model) is None:
        return (_matrix(model, wanted, samples),)
    return _columns(model, wanted, samples)


def column_names(model: Any) -> list[str] | None:
    """Return the names of all columns that a leading ColumnTransformer was fitted on; None for a matrix."""
    from sklearn.compose import ColumnTransformer

    first = first_step(model)
    if not isinstance(first, ColumnTransformer) or not hasattr(first, "feature_names_in_"):
        return None
    return [str(name) for name in first.feature_names_in_]


def initial_types(model: Any, inputs: Sequence[TensorSpec]) -> list[InitialType]:
    """Return what skl2onnx must be told: every fitted column in its place, as it also finds columns by position."""
    found = {spec.name: spec for spec in inputs}
    names = column_names(model)
    if names is None:
        (spec,) = inputs
        return [(spec.name, spec.dtype, int((spec.shape or (0, 0))[-1]))]
    return [(name, found[name].dtype if name in found else "float32", 1) for name in names]


def _matrix(model: Any, wanted: Sequence[TensorSpec], samples: Sequence[TensorSpec]) -> TensorSpec:
    learnt = _learnt_dtype(first_step(model), None)
    doubles = any(spec.dtype == "float64" for spec in samples)
    dtype = learnt or ("float64" if doubles else "float32")
    width = 1 if is_text(first_step(model)) else getattr(model, "n_features_in_", None)
    if len(wanted) > 1:
        raise InvalidSignature(
            f"the {type(model).__name__} takes one matrix, not {len(wanted)} inputs",
            where=" ".join(f"--input '{spec}'" for spec in wanted),
            remedy=f"write '{MATRIX}:{dtype}[{BATCH},{width or '?'}]'",
        )
    names = tuple(map(str, getattr(model, "feature_names_in_", ())))
    shape = (BATCH, int(width) if width else f"{BATCH}_width")
    own = TensorSpec("", dtype, shape, columns=names, nan=takes_missing(model))
    if not wanted:
        if width is None:
            raise SignatureNeeded(
                f"the {type(model).__name__} does not say how many features it was fitted on",
                remedy=f"say it: --input '{MATRIX}:{dtype}[{BATCH},4]'",
            )
        return replace(own, name=MATRIX)
    return _fitting(wanted[0], replace(own, name=wanted[0].name))


def _columns(model: Any, wanted: Sequence[TensorSpec], samples: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    sampled = {spec.name: spec.dtype for spec in samples}
    steps = selected_columns(first_step(model))
    missing = {name for step, names in steps for name in names if step == "passthrough" or takes_missing(step)}
    found = {}
    for name, learnt in used_columns(first_step(model)).items():
        dtype = sampled.get(name, "")
        usable = dtype in USABLE if learnt is None else dtype == learnt
        found[name] = TensorSpec(name, dtype if usable else learnt or "float32", (BATCH, 1), nan=name in missing)
    for spec in wanted:
        if spec.name not in found:
            close = nearest(spec.name, found)
            raise InvalidSignature(
                f"the model was not fitted on a column {spec.name!r}",
                where=f"--input '{spec}'",
                remedy=f"{f'did you mean {close!r}? ' if close else ''}its columns are {', '.join(map(str, found.values()))}",
            )
        found[spec.name] = _fitting(spec, found[spec.name])
    return tuple(found.values())


def used_columns(transformer: Any) -> dict[str, str | None]:
    """Return the columns that a fitted ColumnTransformer does not drop, in their order, each with the dtype learnt."""
    found: dict[str, str | None] = {}
    for step, names in selected_columns(transformer):
        for position, name in enumerate(names):
            found[name] = found.get(name) or _learnt_dtype(first_step(step), position)
    return {name: found[name] for name in map(str, transformer.feature_names_in_) if name in found}


def selected_columns(transformer: Any) -> Iterator[tuple[Any, list[str]]]:
    """Yield each step of a fitted ColumnTransformer that is not "drop", with the names of its columns."""
    import pandas as pd

    frame = pd.DataFrame(columns=[str(name) for name in transformer.feature_names_in_])
    for _, step, selection in transformer.transformers_:
        if not (isinstance(step, str) and step == "drop"):
            yield step, _selected(frame, selection)


def _selected(frame: Any, selection: Any) -> list[str]:
    """Return the names of the columns that a ColumnTransformer's selection means: names, positions, slices or masks."""
    if isinstance(selection, str):
        return [selection]
    if isinstance(selection, slice):
        labels = isinstance(selection.start, str) or isinstance(selection.stop, str)
    else:
        labels = len(selection) > 0 and isinstance(selection[0], str)
    chosen = (
        frame.loc[:, selection] if labels else frame.iloc[:, [selection] if isinstance(selection, int) else selection]
    )
    return list(chosen.columns)


def is_text(step: Any) -> bool:
    """Whether the step takes a sequence of texts rather than a matrix."""
    return hasattr(step, "vocabulary_") and hasattr(step, "analyzer")


def _learnt_dtype(step: Any, position: int | None) -> str | None:
    """Return the dtype that a fitted step needs in one column (None: in all), or None for any number."""
    import numpy as np

    if is_text(step):
        return "string"
    statistics = getattr(step, "statistics_", None)
    if statistics is not None and np.asarray(statistics).dtype == object:
        return "string"
    categories = getattr(step, "categories_", None)
    if not isinstance(categories, list):
        return None
    kinds = {_category_dtype(values) for values in (categories if position is None else [categories[position]])}
    return kinds.pop() if len(kinds) == 1 else "string"


def _category_dtype(values: NDArray[np.generic]) -> str | None:
    """Categories of floats stay open: float32 or float64, whichever the user feeds."""
    if values.dtype.kind in "OUS":
        return "string"
    return {"i": "int64", "u": "int64", "b": "bool"}.get(values.dtype.kind)


def _fitting(wanted: TensorSpec, own: TensorSpec) -> TensorSpec:
    """Return the user's input if the estimator can take it; raises InvalidSignature."""
    where = f"--input '{wanted}'"
    dtype = wanted.dtype or own.dtype
    if (dtype == "string") != (own.dtype == "string") or dtype not in (*USABLE, "string"):
        takes = "string" if own.dtype == "string" else ", ".join(USABLE)
        raise InvalidSignature(
            f"the input {wanted.name!r} cannot be {dtype}", where=where, remedy=f"the estimator takes {takes} here"
        )
    shape = wanted.shape if wanted.shape is not None else own.shape
    assert own.shape is not None
    if shape is None or len(shape) != 2 or (isinstance(own.shape[1], int) and shape[1] != own.shape[1]):
        raise InvalidSignature(
            f"the estimator was fitted on {own.shape[1]} columns, and {wanted.name!r} has the shape "
            f"[{','.join(map(str, shape or ()))}]",
            where=where,
            remedy=f"write '{TensorSpec(wanted.name, dtype, own.shape)}'",
        )
    return replace(own, dtype=dtype, shape=shape)
