"""Sample rows around the fitted state of preprocessing: quantiles, bin edges, knots, categories, statistics, vocabularies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelport_plugins.sklearn.categories import UNKNOWN, unseen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Generator = np.random.Generator

ROWS = 64


def rows(step: Any, width: int, generator: Generator) -> Array | None:
    """Return 64 rows around what a fitted transformer of preprocessing has learnt; None for any other estimator."""
    import numpy as np

    kind = type(step).__name__
    if isinstance(getattr(step, "categories_", None), list):
        return categories(step, generator)
    if kind in ("LabelEncoder", "LabelBinarizer"):
        return _labels(step, generator)
    for name in ("quantiles_", "bin_edges_"):
        if hasattr(step, name):
            edges = getattr(step, name)
            columns = edges.T if name == "quantiles_" else edges
            return np.stack([_around(np.asarray(column), 0.1, generator) for column in columns], axis=1)
    if hasattr(step, "bsplines_"):
        return _along_splines(step, generator)
    if getattr(step, "method", None) == "box-cox":
        return np.exp(0.5 * generator.standard_normal((ROWS, width)))
    if kind == "Binarizer":
        noise = generator.standard_normal((ROWS, width))
        return np.asarray(step.threshold + np.where(generator.random(noise.shape) < 0.2, 0.0, noise))
    if kind == "TfidfTransformer":
        return np.asarray(generator.integers(0, 4, (ROWS, width)) * generator.integers(0, 2, (ROWS, width)))
    if kind == "FunctionTransformer":
        return _in_domain(step, width, generator)
    return _imputed(step, width, generator)


def strict(step: Any) -> bool:
    """Whether the step refuses values that it does not know."""
    if hasattr(step, "categories_"):
        return getattr(step, "handle_unknown", "ignore") == "error"
    return getattr(step, "extrapolation", None) == "error" or getattr(step, "method", None) == "box-cox"


def categories(encoder: Any, generator: Generator) -> Array:
    """Return known categories, and one in ten unknown where the encoder admits them."""
    import numpy as np

    admits = getattr(encoder, "handle_unknown", "ignore") not in ("error", "warn")
    columns = []
    for values in encoder.categories_:
        column = generator.choice(values, ROWS).astype(object)
        if admits:
            column[generator.random(ROWS) < 0.1] = unseen(values)
        columns.append(column)
    return np.stack(columns, axis=1)


def _labels(step: Any, generator: Generator) -> Array:
    import numpy as np

    if str(getattr(step, "y_type_", "")).startswith("multilabel"):
        return np.asarray(generator.integers(0, 2, (ROWS, len(step.classes_))))
    return np.asarray(generator.choice(step.classes_, ROWS)[:, None])


def _around(edges: Array, beyond: float, generator: Generator) -> Array:
    """Return values at the edges, one rounding step beside them, between and beyond them."""
    import numpy as np

    edges = edges[np.isfinite(edges)]
    if not len(edges):  # of a constant feature
        return generator.standard_normal(ROWS)
    chosen = generator.choice(edges, ROWS).astype(np.float64)
    spread = (np.ptp(edges) or 1.0) * beyond
    drawn = generator.uniform(edges[0] - spread, edges[-1] + spread, ROWS)
    beside = [chosen, np.nextafter(chosen, np.inf), np.nextafter(chosen, -np.inf), chosen.astype(np.float32), drawn]
    return np.choose(generator.integers(0, len(beside), ROWS), beside).astype(np.float64)


def _along_splines(step: Any, generator: Generator) -> Array:
    """Return values between the outer knots of each feature, and beyond them where that is admitted."""
    import numpy as np

    beyond = 0.0 if step.extrapolation == "error" else 0.2
    columns = []
    for curve in step.bsplines_:
        low, high = curve.t[curve.k], curve.t[-curve.k - 1]
        reach = beyond * (high - low)
        columns.append(generator.uniform(low - reach, high + reach, ROWS))
    values = np.stack(columns, axis=1)
    if getattr(step, "handle_missing", "error") == "zeros":
        values[generator.random(values.shape) < 0.1] = np.nan
    return values


def _in_domain(step: Any, width: int, generator: Generator) -> Array | None:
    """Return numbers for which the function has finite values."""
    import numpy as np

    noise = generator.standard_normal((ROWS, width))
    within = generator.uniform(0.05, 0.95, (ROWS, width))
    for values in (3.0 * noise, np.abs(noise) + 0.1, 1.0 + np.abs(noise), within):
        with np.errstate(all="ignore"):
            try:
                finite = np.isfinite(np.asarray(step.transform(values), float)).all()
            except (TypeError, ValueError):  # a function of something else than numbers
                return None
        if finite:
            return np.asarray(values)
    return None


def _imputed(step: Any, width: int, generator: Generator) -> Array | None:
    """Return rows around an imputer's statistics, one value in ten missing."""
    import numpy as np

    initial = getattr(step, "initial_imputer_", step)
    missing = getattr(step, "missing_values", None)
    statistics = getattr(initial, "statistics_", None)
    if missing is None and statistics is None:
        return None
    if type(step).__name__ == "MissingIndicator":
        values = generator.standard_normal((ROWS, width))
        gaps = (generator.random(values.shape) < 0.2) & np.isin(np.arange(width), step.features_)
        return None if isinstance(missing, str) or missing is None else np.where(gaps, missing, values)
    if statistics is None:
        return None
    return _around_statistics(np.asarray(statistics), missing, generator)


def _around_statistics(statistics: Array, missing: Any, generator: Generator) -> Array:
    import numpy as np

    try:
        centres = np.nan_to_num(statistics.astype(np.float64))
    except ValueError:  # texts
        texts = np.broadcast_to(statistics.astype(object), (ROWS, len(statistics)))
        chosen = generator.random(texts.shape)
        return np.where(
            chosen < 0.2, np.array(missing, object), np.where(chosen < 0.4, np.array(UNKNOWN, object), texts)
        )
    values = centres + generator.standard_normal((ROWS, len(centres))) * (np.abs(centres) + 1.0)
    return np.where(generator.random(values.shape) < 0.1, missing, values)
