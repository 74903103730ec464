"""Sample rows near the decision boundaries, found by bisection between two rows with different answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Generator = np.random.Generator

_HALVINGS = 10
"""A thousandth of the way is left: nearer rows would be decided by rounding, in float32."""


def near(model: Any, rows: Array, generator: Generator) -> Array:
    """Return the rows [n, k] with every other one moved to a border, where its neighbor is answered otherwise.

    Estimators without decisions, and rows that are no numbers, are left as they are.
    """
    import numpy as np

    if rows.dtype.kind != "f" or not np.isfinite(rows).all() or not _decides(model):
        return rows
    inside = rows[generator.permutation(len(rows))[: len(rows) // 2]]
    outside = rows[generator.permutation(len(rows))[: len(rows) // 2]]
    answer, other = _answers(model, inside), _answers(model, outside)
    if answer is None or other is None:
        return rows
    differ = answer != other
    if not differ.any():
        return rows
    near_rows = _halved(model, inside[differ], outside[differ], answer[differ])
    moved = rows.copy()
    moved[: 2 * len(near_rows) : 2] = near_rows
    return moved


def _halved(model: Any, inside: Array, outside: Array, answer: Array) -> Array:
    """Return rows just inside and just outside, in turn."""
    import numpy as np

    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        found = _answers(model, middle)
        if found is None:  # it takes no rows so far between
            break
        same = (found == answer)[:, None]
        inside, outside = np.where(same, middle, inside), np.where(same, outside, middle)
    turns = (np.arange(len(inside)) % 2 == 0)[:, None]
    return np.where(turns, inside, outside).astype(inside.dtype)


def _decides(model: Any) -> bool:
    from sklearn.base import is_classifier, is_clusterer, is_outlier_detector

    return hasattr(model, "predict") and (is_classifier(model) or is_clusterer(model) or is_outlier_detector(model))


def _answers(model: Any, rows: Array) -> Array | None:
    """Return one label for each row; None when the estimator does not take the rows, or gives several labels."""
    import numpy as np

    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        import pandas as pd

        given: Any = pd.DataFrame(rows, columns=names)
    else:
        given = rows
    try:
        labels = np.asarray(model.predict(given))
    except (TypeError, ValueError):
        return None
    return labels if labels.ndim == 1 else None
