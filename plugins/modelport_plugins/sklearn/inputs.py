"""The inputs of a fitted estimator: one matrix, or one column for each that a ColumnTransformer uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modelport import TensorSpec
from modelport.errors import InvalidSignature, SignatureNeeded, nearest
from modelport_plugins.sklearn import categories
from modelport_plugins.sklearn.tables import PASSED, column_names, first_steps, is_dict_vectorizer, keys_of
from modelport_plugins.sklearn.traversal import first_step, takes_missing

BATCH = "N"
MATRIX = "X"
USABLE = ("float32", "float64", "int64", "int32", "bool")
"""The dtypes of numeric inputs that skl2onnx takes."""


def of(model: Any, wanted: Sequence[TensorSpec], samples: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return the inputs; the user's --input decides over the samples, the samples over what fitting has learnt.

    Raises:
        InvalidSignature: for a name, width or dtype that the estimator cannot take.
        SignatureNeeded: when neither the estimator nor the user says how many features there are.
    """
    if takes_images(first_step(model)):
        return (_images(model, wanted, samples),)
    names = column_names(model)
    if names is None:
        _refuse_unnamed(model)
    if names is None or _is_one_matrix(model, names, wanted):
        return (_matrix(model, wanted, samples),)
    return _columns(model, wanted, samples)


def _is_one_matrix(model: Any, names: list[str], wanted: Sequence[TensorSpec]) -> bool:
    """Whether the user asks for a table of numbers as one matrix, under a name that no column has."""
    if len(wanted) != 1 or wanted[0].name in names or not wanted[0].shape or wanted[0].shape[-1] != len(names):
        return False
    return "string" not in _learnt_columns(model)[0].values()


def takes_images(step: Any) -> bool:
    """Whether the step takes images [N, height, width]."""
    tags = _tags(step)
    return tags is not None and bool(tags.input_tags.three_d_array)


def _refuse_unnamed(model: Any) -> None:
    """Raise InvalidSignature for texts beside numbers in an array: no tensor holds both."""
    step = first_step(model)
    if categories.boosts_texts(step) and categories.dtype_of_boosting(step, None) is None:
        raise InvalidSignature(
            f"the {type(step).__name__} was fitted on texts and numbers in one array",
            where=type(model).__name__,
            remedy="fit it on a DataFrame: each of its columns becomes an input of its own",
        )


def _images(model: Any, wanted: Sequence[TensorSpec], samples: Sequence[TensorSpec]) -> TensorSpec:
    sampled = samples[0].dtype if len(samples) == 1 else ""
    own = TensorSpec(MATRIX, sampled if sampled in USABLE else "float32", (BATCH, "height", "width"))
    for spec in wanted:
        shape = own.shape if spec.shape is None else spec.shape
        if len(wanted) > 1 or shape is None or len(shape) != 3 or (spec.dtype or own.dtype) not in USABLE:
            raise InvalidSignature(
                f"the {type(model).__name__} takes one array of images, and {spec.name!r} is none",
                where=f"--input '{spec}'",
                remedy=f"write '{own}', with sizes if they are known",
            )
        return replace(own, name=spec.name, dtype=spec.dtype or own.dtype, shape=shape)
    return own


def _matrix(model: Any, wanted: Sequence[TensorSpec], samples: Sequence[TensorSpec]) -> TensorSpec:
    learnt = _learnt_dtype(first_step(model), None)
    doubles = any(spec.dtype == "float64" for spec in samples)
    dtype = learnt or ("float64" if doubles else "float32")
    width = 1 if _takes_one(first_step(model)) else getattr(model, "n_features_in_", None)
    if width is None and takes_labels(model):
        width = len(model.classes_)
    if len(wanted) > 1:
        raise InvalidSignature(
            f"the {type(model).__name__} takes one matrix, not {len(wanted)} inputs",
            where=" ".join(f"--input '{spec}'" for spec in wanted),
            remedy=f"write '{MATRIX}:{dtype}[{BATCH},{width or '?'}]'",
        )
    names = tuple(map(str, getattr(model, "feature_names_in_", ())))
    shape = (BATCH, int(width) if width else f"{BATCH}_width")
    own = TensorSpec(
        "", dtype, shape, columns=names, nan=takes_missing(model) or _columns_take_missing(first_step(model))
    )
    if not wanted:
        if width is None:
            raise SignatureNeeded(
                f"the {type(model).__name__} does not say how many features it was fitted on",
                remedy=f"say it: --input '{MATRIX}:{dtype}[{BATCH},4]'",
            )
        return replace(own, name=MATRIX)
    return _fitting(wanted[0], replace(own, name=wanted[0].name))


def _columns_take_missing(first: Any) -> bool:
    """Whether every step of a ColumnTransformer takes NaN."""
    steps = [step for _, step, _ in getattr(first, "transformers_", ()) if not isinstance(step, str)]
    return bool(steps) and all(map(takes_missing, steps))


def _columns(model: Any, wanted: Sequence[TensorSpec], samples: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    sampled = {spec.name: spec.dtype for spec in samples}
    learnt, missing, free = _learnt_columns(model)
    found = {}
    for name, kind in learnt.items():
        dtype = sampled.get(name, "")
        usable = dtype in USABLE or (dtype == "string" and name in free) if kind is None else dtype == kind
        found[name] = TensorSpec(name, dtype if usable else kind or "float32", (BATCH, 1), nan=name in missing)
    for spec in wanted:
        if spec.name not in found:
            close = nearest(spec.name, found)
            raise InvalidSignature(
                f"the model was not fitted on a column {spec.name!r}, or does not use it",
                where=f"--input '{spec}'",
                remedy=f"{f'did you mean {close!r}? ' if close else ''}its columns are {', '.join(map(str, found.values()))}",
            )
        own = found[spec.name]
        chosen = replace(own, dtype=spec.dtype) if "string" in (spec.dtype, own.dtype) and spec.name in free else own
        found[spec.name] = _fitting(spec, chosen if spec.dtype else own)
    return tuple(found.values())


def _learnt_columns(model: Any) -> tuple[dict[str, str | None], set[str], set[str]]:
    """Return the columns that are used, in order, with the dtype learnt; those that take NaN; those of any dtype at all."""
    every = column_names(model) or []
    first = next(first_steps(model))[0]
    if is_dict_vectorizer(first):
        return keys_of(first), set(), set()
    found: dict[str, str | None] = {}
    refusing, bound = set(), set()
    for step, names in first_steps(model):
        for position, name in enumerate(every if names is None else names):
            found[name] = found.get(name) or _learnt_dtype(step, position)
            if step != PASSED and not takes_missing(step):
                refusing.add(name)
            if step != PASSED and type(step).__name__ != "MissingIndicator":
                bound.add(name)
    return {name: found[name] for name in every if name in found}, set(found) - refusing, set(found) - bound


def is_text(step: Any) -> bool:
    """Whether the step takes a sequence of texts rather than a matrix."""
    return hasattr(step, "vocabulary_") and hasattr(step, "analyzer")


def _takes_one(step: Any) -> bool:
    """Whether the step takes a single column: texts, or the only feature of an isotonic regression."""
    from sklearn.isotonic import IsotonicRegression

    if is_text(step) or isinstance(step, IsotonicRegression) or _takes_no_tensor(step):
        return True
    return takes_labels(step) and not str(getattr(step, "y_type_", "")).startswith("multilabel")


def _takes_no_tensor(step: Any) -> bool:
    """Whether the step takes texts, dictionaries or sets that it has learnt nothing of; the conversion says why it cannot be."""
    tags = _tags(step)
    if tags is None or tags.input_tags.two_d_array:
        return False
    return bool(tags.input_tags.string or tags.input_tags.dict or tags.target_tags.two_d_labels)


def _tags(step: Any) -> Any:
    from sklearn.base import BaseEstimator
    from sklearn.utils import get_tags

    return get_tags(step) if isinstance(step, BaseEstimator) else None


def hands_texts_on(step: Any) -> bool:
    """Whether the step is an imputer of texts."""
    return hasattr(step, "statistics_") and getattr(getattr(step, "_fit_dtype", None), "kind", "") in tuple("OUST")


def takes_labels(step: Any) -> bool:
    """Whether the step takes labels, one for each row (or marks of 0 and 1), and no features."""
    return type(step).__name__ in ("LabelEncoder", "LabelBinarizer")


def _learnt_dtype(step: Any, position: int | None) -> str | None:
    """Return the dtype that a fitted step needs in one column (None: in all), or None for any number."""
    if is_text(step) or hands_texts_on(step) or _takes_no_tensor(step):
        return "string"
    if takes_labels(step):
        return categories.dtype_of(step.classes_)
    if categories.inner_encoder(step) is not None:
        return categories.dtype_of_boosting(step, position)
    found = categories.learnt(step)
    if not found:
        return None
    kinds = {categories.dtype_of(values) for values in (found.values() if position is None else [found[position]])}
    return kinds.pop() if len(kinds) == 1 else "string"


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
