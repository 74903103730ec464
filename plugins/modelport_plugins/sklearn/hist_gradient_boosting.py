"""Thresholds and categories that histogram gradient boosting has learnt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from modelport_plugins.sklearn import categories

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Generator = np.random.Generator


def trees(step: Any) -> list[Any]:
    """Return the trees' `feature` and `threshold` arrays, features numbered as the user's; none of other estimators."""
    import numpy as np

    found = []
    for predictor in (one for rounds in getattr(step, "_predictors", ()) for one in rounds):
        nodes = predictor.nodes
        splits = nodes[(nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0) & np.isfinite(nodes["num_threshold"])]
        features = splits["feature_idx"]
        if step.is_categorical_ is not None:  # categorical features come first
            features = np.argsort(~step.is_categorical_, kind="stable")[features]
        found.append(SimpleNamespace(feature=features, threshold=splits["num_threshold"]))
    return found


def with_categories(step: Any, matrix: Array, generator: Generator) -> Array:
    """Return the rows with categories that the step has learnt, one in ten unknown; as objects where some are texts."""
    import numpy as np

    if categories.boosts_texts(step):
        matrix = matrix.astype(object)
    for feature, values in categories.learnt(step).items():
        unknown = generator.random(len(matrix)) < 0.1
        unseen = categories.unseen(values)
        matrix[:, feature] = np.where(unknown, unseen, generator.choice(values, len(matrix)))
    return matrix
