"""Inputs that exercise a fitted estimator: rows around what it has learnt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from modelport import Signature, TensorSpec

from .inputs import column_names, is_text, selected_columns
from .steps import first_step, takes_missing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Generator = np.random.Generator

ROWS = 64
_UNKNOWN = "something unseen"

_ANCHORS = ("cluster_centers_", "support_vectors_", "_fit_X", "X_train_", "X_fit_", "means_")
_CENTRES = (("mean_", "scale_"), ("center_", "scale_"), ("theta_", "var_"), ("mean_", "noise_variance_"))


def rows(model: Any, signature: Signature, seed: int) -> dict[str, Array] | None:
    """Return some 64 rows, the same for the same seed; None when nothing is known of the features."""
    import numpy as np

    generator = np.random.default_rng(seed)
    names = column_names(model)
    if names is None:
        (spec,) = signature.inputs
        matrix = _matrix(first_step(model), spec, generator)
        return None if matrix is None else {spec.name: matrix}
    return _columns(first_step(model), signature, generator)


def _columns(transformer: Any, signature: Signature, generator: Generator) -> dict[str, Array]:
    """Return one column for each input, from the first step that it goes through."""
    learnt: dict[str, Array] = {}
    for step, names in selected_columns(transformer):
        matrix = _known(first_step(step), len(names), generator, double=True)
        if matrix is not None:
            learnt.update({name: matrix[:, [position]] for position, name in enumerate(names) if name not in learnt})
    unknown = generator.standard_normal((ROWS, len(signature.inputs)))
    columns = enumerate(signature.inputs)
    return {spec.name: _typed(learnt.get(spec.name, unknown[:, [place]]), spec) for place, spec in columns}


def _matrix(first: Any, spec: TensorSpec, generator: Generator) -> Array | None:
    assert spec.shape is not None
    width = spec.shape[1]
    if not isinstance(width, int):
        return None
    for step in _inner(first):
        values = _known(step, width, generator, double=spec.dtype == "float64")
        if values is not None and values.shape[1] == width:
            return _typed(values, spec)
    return None


def _inner(step: Any) -> Iterator[Any]:
    """Yield the estimator, then those that it consists of."""
    import numpy as np

    yield step
    inner = getattr(step, "estimators_", [])
    for one in inner.ravel() if isinstance(inner, np.ndarray) else inner:
        yield first_step(one)


def _known(step: Any, width: int, generator: Generator, *, double: bool) -> Array | None:
    """Return rows from the first kind of knowledge that the fitted step has."""
    import numpy as np

    if is_text(step):
        return _texts(list(step.vocabulary_), generator)
    if isinstance(getattr(step, "categories_", None), list):
        return _categories(step, generator)
    trees = [inner.tree_ for inner in _inner(step) if hasattr(inner, "tree_")]
    if trees:
        matrix = _around_thresholds(trees, width, generator, double)
        if takes_missing(step):
            matrix[generator.random(matrix.shape) < 0.05] = np.nan
        return matrix
    return _numbers(step, width, generator)


def _texts(words: list[str], generator: Generator) -> Array:
    import numpy as np

    texts = [" ".join(generator.choice(words, generator.integers(1, 9))) for _ in range(ROWS)]
    marks = generator.choice(["", ".", "! A", f", {_UNKNOWN}", " Z-9"], ROWS)
    cased = [text.upper() if loud else text for text, loud in zip(texts, generator.random(ROWS) < 0.2, strict=True)]
    return np.array([[text + str(mark)] for text, mark in zip(cased, marks, strict=True)], dtype=object)


def _categories(encoder: Any, generator: Generator) -> Array:
    """Return known categories, and one in ten unknown where the encoder admits them."""
    import numpy as np

    admits = getattr(encoder, "handle_unknown", "error") not in ("error", "warn")
    columns = []
    for values in encoder.categories_:
        column = generator.choice(values, ROWS).astype(object)
        if admits:
            unseen = _UNKNOWN if values.dtype.kind in "OUS" else values.max() + 1
            column[generator.random(ROWS) < 0.1] = unseen
        columns.append(column)
    return np.stack(columns, axis=1)


def _around_thresholds(trees: list[Any], width: int, generator: Generator, double: bool) -> Array:
    """Return values exactly at the thresholds of each feature, one rounding step beside them, and well off them."""
    import numpy as np

    features = np.concatenate([tree.feature for tree in trees])
    thresholds = np.concatenate([tree.threshold for tree in trees])
    matrix = np.empty((ROWS, width))
    for feature in range(width):
        learnt = thresholds[features == feature]
        if not len(learnt):
            matrix[:, feature] = generator.standard_normal(ROWS)
            continue
        chosen = generator.choice(learnt, ROWS)
        chosen = chosen if double else chosen.astype(np.float32)
        spread = (np.ptp(learnt) or abs(chosen[0]) or 1.0) * 0.1 * generator.standard_normal(ROWS)
        beside = [chosen, np.nextafter(chosen, np.inf), np.nextafter(chosen, -np.inf), chosen.astype(np.float32)]
        matrix[:, feature] = np.choose(generator.integers(0, 5, ROWS), [*beside, chosen + spread])
    return matrix


def _numbers(step: Any, width: int, generator: Generator) -> Array | None:
    import numpy as np

    noise = generator.standard_normal((ROWS, width))
    for name in _ANCHORS:
        anchors = getattr(step, name, None)
        if isinstance(anchors, np.ndarray) and anchors.ndim == 2:
            near = anchors[generator.integers(0, len(anchors), ROWS)]
            return np.asarray(near + 0.1 * noise * (anchors.std(axis=0) + 1e-3))
    if hasattr(step, "data_min_"):
        low = step.data_min_
        return np.asarray(low + (step.data_max_ - low) * generator.uniform(-0.1, 1.1, (ROWS, width)))
    for centre, spread in _CENTRES:
        if getattr(step, centre, None) is not None and getattr(step, spread, None) is not None:
            centres = np.atleast_2d(getattr(step, centre))
            widths = np.atleast_2d(getattr(step, spread))
            pick = generator.integers(0, len(centres), ROWS)
            widths = np.broadcast_to(np.sqrt(widths) if spread == "var_" else widths, centres.shape)
            return np.asarray(centres[pick] + noise * widths[pick])
    return _with_missing(step, noise, generator)


def _with_missing(step: Any, noise: Array, generator: Generator) -> Array | None:
    """Return rows around an imputer's statistics, one value in ten missing."""
    import numpy as np

    statistics = np.asarray(getattr(step, "statistics_", None))
    missing = getattr(step, "missing_values", None)
    if statistics.dtype.kind != "f" or not isinstance(missing, float):
        return None
    values = statistics + noise * (np.abs(statistics) + 1.0)
    return np.where(generator.random(values.shape) < 0.1, missing, values)


def _typed(values: Array, spec: TensorSpec) -> Array:
    import numpy as np

    if spec.dtype == "string":
        return values.astype(str).astype(object)
    numbers = values.astype(np.float64)
    return (np.rint(numbers) if spec.dtype.startswith("int") else numbers).astype(spec.dtype)
