"""Sample inputs for the proof, drawn around the fitted state of an estimator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from modelport import Signature, TensorSpec
from modelport_plugins.sklearn import decision_boundary, hist_gradient_boosting, preprocessing_samples
from modelport_plugins.sklearn.categories import UNKNOWN
from modelport_plugins.sklearn.inputs import is_text
from modelport_plugins.sklearn.tables import column_names, first_steps, is_dict_vectorizer, keys_of, table_of
from modelport_plugins.sklearn.traversal import first_step, takes_missing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Generator = np.random.Generator

ROWS = 64
_ORDERS = 8
"""Of an imputer's own rows, to find where their order decides."""

_ANCHORS = ("cluster_centers_", "support_vectors_", "_fit_X", "X_train_", "X_fit_", "X_", "means_", "centroids_")
_PARTS = (
    "estimators_",
    "estimator_",
    "final_estimator_",
    "calibrated_classifiers_",
    "estimator",
    "regressor_",
    "classifier_",
    "nbrs_",
)
"""Attributes that hold the fitted estimators of which another consists."""

_CENTRES = (("mean_", "scale_"), ("center_", "scale_"), ("theta_", "var_"), ("mean_", "noise_variance_"))


def rows(model: Any, signature: Signature, seed: int) -> dict[str, Array] | None:
    """Return some 64 rows, the same for the same seed; None when nothing is known of the features."""
    import numpy as np

    generator = np.random.default_rng(seed)
    if table_of(model, signature.inputs) is None:
        (spec,) = signature.inputs
        matrix = _matrix(model, spec, generator)
        return None if matrix is None else {spec.name: matrix}
    return _columns(model, signature, generator)


def _columns(model: Any, signature: Signature, generator: Generator) -> dict[str, Array]:
    """Return one column for each input, from the first step that knows something of it."""
    known = _known_columns(model, generator)
    unknown = generator.standard_normal((ROWS, len(signature.inputs)))
    columns = enumerate(signature.inputs)
    return {spec.name: _typed(_whole(known.get(spec.name, unknown[:, [place]]), spec), spec) for place, spec in columns}


def _whole(values: Array, spec: TensorSpec) -> Array:
    """Fill what one step of several admits to be missing and another does not."""
    import numpy as np

    return values if spec.nan or values.dtype.kind != "f" else np.nan_to_num(values)


def _known_columns(model: Any, generator: Generator) -> dict[str, Array]:
    known: dict[str, Array] = {}
    for step, names in sorted(first_steps(model), key=lambda pair: not preprocessing_samples.strict(pair[0])):
        if is_dict_vectorizer(step):
            return _dictionaries(step, generator)
        columns = names or column_names(model) or []
        matrix = _known(step, len(columns), generator, double=True)
        if matrix is not None:
            known.update({name: matrix[:, [position]] for position, name in enumerate(columns) if name not in known})
    return known


def _dictionaries(vectorizer: Any, generator: Generator) -> dict[str, Array]:
    """Return for each key numbers, some of them 0, or known and unknown texts."""
    import numpy as np

    columns: dict[str, Array] = {}
    for key, kind in keys_of(vectorizer).items():
        numbers = generator.standard_normal(ROWS)
        numbers[generator.random(ROWS) < 0.2] = 0.0
        start = f"{key}{vectorizer.separator}"
        texts = [name.removeprefix(start) for name in vectorizer.feature_names_ if name.startswith(start)]
        values = generator.choice([*texts, UNKNOWN], ROWS) if kind else numbers
        columns[key] = np.asarray(values)[:, None]
    return columns


def _matrix(model: Any, spec: TensorSpec, generator: Generator) -> Array | None:
    """Return rows around what is known of the features, half of them near the borders of the decisions."""
    assert spec.shape is not None
    width = spec.shape[1]
    if not isinstance(width, int) or len(spec.shape) != 2:
        return None
    for step in _inner(first_step(model)):
        if getattr(step, "n_features_in_", width) != width:  # a member that sees some of the features
            continue
        values = _known(step, width, generator, double=spec.dtype == "float64")
        if values is not None and values.shape[1] == width:
            values = _whole(_for_the_rest(model, step, values), spec)
            return decision_boundary.near(model, _typed(values, spec), generator)
    if not spec.dtype.startswith("float"):
        return None
    rows = generator.standard_normal((ROWS, width)).astype(spec.dtype)
    moved = decision_boundary.near(model, rows, generator)
    return None if moved is rows else moved


def _inner(step: Any) -> Iterator[Any]:
    """Yield the estimator, then those that it consists of."""
    import numpy as np

    yield step
    for attribute in _PARTS:
        inner = getattr(step, attribute, None)
        for one in np.ravel(np.asarray(inner, object)) if inner is not None else ():
            if hasattr(one, "get_params"):
                yield from _inner(first_step(one))


def _known(step: Any, width: int, generator: Generator, *, double: bool) -> Array | None:
    """Return rows from the first kind of knowledge that the fitted step has."""
    import numpy as np

    if is_text(step):
        return _texts(list(step.vocabulary_), generator)
    around = preprocessing_samples.rows(step, width, generator)
    if around is not None:
        return around
    if hasattr(step, "n_categories_"):
        return np.asarray(generator.integers(0, step.n_categories_, (ROWS, len(step.n_categories_))))
    if hasattr(step, "X_thresholds_"):
        return _within(step.X_thresholds_, step.out_of_bounds != "raise", generator)
    trees = [inner.tree_ for inner in _inner(step) if hasattr(getattr(inner, "tree_", None), "threshold")]
    trees += hist_gradient_boosting.trees(step)
    if trees:
        matrix = hist_gradient_boosting.with_categories(
            step, _around_thresholds(trees, width, generator, double), generator
        )
        if takes_missing(step):
            matrix[generator.random(matrix.shape) < 0.05] = np.nan
        return matrix
    return _numbers(step, width, generator)


def _texts(words: list[str], generator: Generator) -> Array:
    import numpy as np

    texts = [" ".join(generator.choice(words, generator.integers(1, 9))) for _ in range(ROWS)]
    marks = generator.choice(["", ".", "! A", f", {UNKNOWN}", " Z-9"], ROWS)
    cased = [text.upper() if loud else text for text, loud in zip(texts, generator.random(ROWS) < 0.2, strict=True)]
    return np.array([[text + str(mark)] for text, mark in zip(cased, marks, strict=True)], dtype=object)


def _within(edges: Array, beyond: bool, generator: Generator) -> Array:
    """Return values at the edges, between them, and beyond them where that is admitted."""
    import numpy as np

    reach = 0.1 * np.ptp(edges) if beyond else 0.0
    drawn = generator.uniform(edges[0] - reach, edges[-1] + reach, ROWS)
    return np.where(generator.random(ROWS) < 0.5, generator.choice(edges, ROWS), drawn)[:, None]


def _around_thresholds(trees: list[Any], width: int, generator: Generator, double: bool) -> Array:
    """Return values exactly at the thresholds of each feature, one rounding step beside them, and well off them."""
    import numpy as np

    features = np.concatenate([tree.feature for tree in trees])
    thresholds = np.concatenate([tree.threshold for tree in trees])
    matrix = np.empty((ROWS, width))
    for feature in range(width):
        known = thresholds[
            (features == feature) & np.isfinite(thresholds)
        ]  # infinity parts missing from present values
        if not len(known):
            matrix[:, feature] = generator.standard_normal(ROWS)
            continue
        chosen = generator.choice(known, ROWS)
        chosen = chosen if double else chosen.astype(np.float32)
        spread = (np.ptp(known) or abs(chosen[0]) or 1.0) * 0.1 * generator.standard_normal(ROWS)
        beside = [chosen, np.nextafter(chosen, np.inf), np.nextafter(chosen, -np.inf), chosen.astype(np.float32)]
        matrix[:, feature] = np.choose(generator.integers(0, 5, ROWS), [*beside, chosen + spread])
    return matrix


def _numbers(step: Any, width: int, generator: Generator) -> Array | None:
    import numpy as np

    noise = generator.standard_normal((ROWS, width))
    if _takes_no_negatives(step):
        return _mixed(getattr(step, "components_", None), np.abs(noise), generator)
    for anchors in _anchors(step):
        near = anchors[generator.integers(0, len(anchors), ROWS)]
        return _with_gaps(step, near + 0.1 * noise * (np.nanstd(anchors, axis=0) + 1e-3), generator)
    if hasattr(step, "data_min_"):
        low = step.data_min_
        return np.asarray(low + (step.data_max_ - low) * generator.uniform(-0.1, 1.1, (ROWS, width)))
    for centre, spread in _CENTRES:
        if getattr(step, centre, None) is not None and getattr(step, spread, None) is not None:
            centres = np.atleast_2d(getattr(step, centre))
            widths = np.atleast_2d(getattr(step, spread))
            pick = generator.integers(0, len(centres), ROWS)
            widths = np.broadcast_to(np.sqrt(widths) if spread == "var_" else widths, centres.shape)
            widths = np.where(widths > 0, widths, 1.0)  # what was left of a variance may be nothing
            return np.asarray(centres[pick] + noise * widths[pick])
    return None


def _anchors(step: Any) -> Iterator[Array]:
    """Yield matrices of rows that the step has learnt, or kept: a density in its tree."""
    import numpy as np

    for anchors in (getattr(step, name, None) for name in _ANCHORS):
        if isinstance(anchors, np.ndarray) and anchors.ndim == 2 and len(anchors):
            yield anchors
    kept = getattr(getattr(step, "tree_", None), "data", None)
    if kept is not None:
        yield np.asarray(kept)


def _with_gaps(step: Any, values: Array, generator: Generator) -> Array:
    """Return the values, one in ten missing where the step takes missing ones.

    Rows that it then fills otherwise when it holds its own rows in another order, or rounded otherwise, stay whole: equally
    distant neighbors decide there, of which scikit-learn takes those that NumPy's argpartition happens to put first.
    """
    import copy

    import numpy as np

    missing = getattr(step, "missing_values", np.nan)
    if not (takes_missing(step) or hasattr(step, "_mask_fit_X")):
        return values
    gaps = np.where(generator.random(values.shape) < 0.1, missing, values)
    if not hasattr(step, "_mask_fit_X"):
        return gaps
    other = copy.copy(step)
    decided = np.ones(len(gaps), bool)
    filled = _filled(step, gaps)
    for _ in range(_ORDERS):
        order = generator.permutation(len(step._fit_X))
        blur = np.where(step._mask_fit_X, 0.0, 1e-12 * generator.standard_normal(step._fit_X.shape))
        other._fit_X, other._mask_fit_X = (step._fit_X * (1.0 + blur))[order], step._mask_fit_X[order]
        decided &= np.isclose(filled, _filled(other, gaps), equal_nan=True).all(axis=1)
    return np.where(decided[:, None], gaps, values)


def _filled(step: Any, values: Array) -> Array:
    """Return what an imputer makes of values without the names of their columns."""
    import warnings

    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(step.transform(values), np.float64)


def _for_the_rest(model: Any, step: Any, values: Array) -> Array:
    """Return values within what a scaler has seen, where a step behind it takes no negative ones."""
    import numpy as np

    rest = [one for _, one in getattr(model, "steps", [])[1:]]
    if not hasattr(step, "data_min_") or not any(map(_takes_no_negatives, rest)):
        return values
    rounding = 1e-6 * (step.data_max_ - step.data_min_)
    return np.clip(values, step.data_min_ + rounding, step.data_max_)


def _takes_no_negatives(step: Any) -> bool:
    from sklearn.base import BaseEstimator
    from sklearn.utils import get_tags

    if hasattr(step, "skewedness") or getattr(step, "kernel", None) in ("chi2", "additive_chi2"):
        return True  # nothing below minus the skewedness; chi-squared is of shares
    return isinstance(step, BaseEstimator) and get_tags(step).input_tags.positive_only


def _mixed(components: Any, noise: Array, generator: Generator) -> Array:
    """Return noise that is nowhere negative, around sums of the learnt parts where there are any."""
    import numpy as np

    if not isinstance(components, np.ndarray) or components.shape[1:] != noise.shape[1:]:
        return noise
    parts = components / np.maximum(components.mean(axis=1, keepdims=True), 1e-12)
    return np.asarray(generator.exponential(size=(ROWS, len(parts))) @ parts * (0.5 + 0.5 * noise))


def _typed(values: Array, spec: TensorSpec) -> Array:
    import numpy as np

    if spec.dtype == "string":
        return values.astype(str).astype(object)
    numbers = values.astype(np.float64)
    whole = spec.dtype.startswith("int")  # which has no NaN
    return (np.nan_to_num(np.rint(numbers)) if whole else numbers).astype(spec.dtype)
