"""The categories that encoders and histogram gradient boosting have learnt."""

from __future__ import annotations

from numbers import Number
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

UNKNOWN = "something unseen"


def inner_encoder(step: Any) -> Any:
    """Return the encoder inside HistGradientBoosting*; None of boosting without categories, and of all others."""
    inner = getattr(step, "_preprocessor", None) if hasattr(step, "_predictors") else None
    return None if inner is None else inner.named_transformers_["encoder"]


def learnt(step: Any) -> dict[int, Array]:
    """Return the categories by the positions of their columns; none where nothing is encoded."""
    import numpy as np

    encoder = inner_encoder(step)
    if encoder is not None:
        return dict(zip(np.flatnonzero(step.is_categorical_).tolist(), encoder.categories_, strict=True))
    found = getattr(step, "categories_", None)
    return dict(enumerate(found)) if isinstance(found, list) else {}


def are_texts(values: Array) -> bool:
    """Whether categories are texts; those that are all numbers are numbers, in whatever array they are kept."""
    if values.dtype.kind == "O":
        return not all(one is None or isinstance(one, Number) for one in values)
    return values.dtype.kind in "US"


def dtype_of(values: Array) -> str | None:
    """Return the dtype of an input for categories; floats stay open: float32 or float64, whichever the user feeds."""
    if are_texts(values):
        return "string"
    return {"i": "int64", "u": "int64", "b": "bool"}.get(values.dtype.kind)


def dtype_of_boosting(step: Any, position: int | None) -> str | None:
    """Return "string" where boosting has learnt texts in one column (None: in all), or None for any number."""
    found = learnt(step)
    if position is None:
        return "string" if len(found) == step.n_features_in_ and all(map(are_texts, found.values())) else None
    return "string" if position in found and are_texts(found[position]) else None


def boosts_texts(step: Any) -> bool:
    """Whether boosting encodes texts itself."""
    return inner_encoder(step) is not None and any(map(are_texts, learnt(step).values()))


def unseen(values: Array) -> Any:
    """Return what is none of the categories."""
    import numpy as np

    if are_texts(values):
        return UNKNOWN
    numbers = values.astype(np.float64)
    return np.max(numbers, initial=0.0, where=~np.isnan(numbers)) + 1


def objects_of_numbers(step: Any) -> dict[int, Array]:
    """Return the categories, by position, that are numbers and were learnt as objects: only objects are found among them."""
    return {at: values for at, values in learnt(step).items() if values.dtype.kind == "O" and not are_texts(values)}


def as_objects(values: Array, categories: Array | None) -> Array:
    """Return numbers as objects; None for NaN where that is the category for what is missing."""
    import numpy as np

    result = values.astype(object)
    if categories is not None and any(one is None for one in categories):
        result[np.isnan(values.astype(np.float64))] = None
    return result
