"""Validation of the fitted state of a model from a file, before native code follows its numbers.

scikit-learn and SciPy take the arrays of a fitted model as their own code made them: indices and sizes among them are followed
without looking, so that a shortened or edited array makes them read, or write, beyond others. Each check below states what the
native code of one kind of object relies on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelport_plugins.sklearn import tree_validation
from modelport_plugins.sklearn.traversal import held

_BITSET = 256
"""Categories that boosting on histograms tells apart."""
_HIGHEST_DEGREE = 64


def check(model: Any) -> None:
    """Raise ValueError unless everything inside a loaded object is consistent where native code relies on it."""
    import numpy as np
    from scipy import interpolate, sparse
    from sklearn import cluster, decomposition, ensemble, feature_extraction, neighbors, preprocessing, svm
    from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
    from sklearn.neighbors._base import NeighborsBase
    from sklearn.tree._tree import Tree

    checks: tuple[tuple[Any, Callable[[Any], None]], ...] = (
        (Tree, tree_validation.check_nodes),
        (BaseHistGradientBoosting, _check_histograms),
        ((neighbors.KDTree, neighbors.BallTree), _check_ball_or_box),
        (NeighborsBase, _check_points),
        ((neighbors.KNeighborsClassifier, neighbors.RadiusNeighborsClassifier), _check_votes),
        ((svm.SVC, svm.NuSVC, svm.SVR, svm.NuSVR, svm.OneClassSVM), _check_support_vectors),
        ((cluster.KMeans, cluster.MiniBatchKMeans, cluster.BisectingKMeans), _check_centres),
        ((decomposition.NMF, decomposition.MiniBatchNMF), _check_factors),
        (preprocessing.OneHotEncoder, _check_one_hot),
        ((feature_extraction.text.CountVectorizer, feature_extraction.DictVectorizer), _check_vocabulary),
        (interpolate.BSpline, _check_spline),
        ((np.random.RandomState, np.random.Generator), _check_generator),
        ((sparse.spmatrix, sparse.sparray), _check_sparse),
        ((ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor), _check_boosting),
    )
    items = list(held(model))
    for item in items:
        tree_validation.check_width(item)
    for kind, one in checks:  # one kind after the other: the last runs what the others have found harmless
        for item in items:
            if isinstance(item, kind):
                one(item)


def _require(holds: Any, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _within(array: Any, low: int, high: int) -> bool:
    """Whether all of an array of integers lies from `low` to below `high`."""
    import numpy as np

    values = np.asarray(array)
    return values.dtype.kind in "iu" and bool(np.all((values >= low) & (values < high)))


# --- ensembles --------------------------------------------------------------------------------------------------------


def _check_boosting(model: Any) -> None:
    import numpy as np

    if not hasattr(model, "estimators_"):
        return
    columns = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32)).shape[1]
    held_trees = [one.tree_ for one in np.ravel(model.estimators_)]
    _require(
        model.estimators_.ndim == 2
        and model.estimators_.shape[1] == columns
        and all(tree.n_outputs == 1 and tree.max_n_classes == 1 for tree in held_trees),
        "the boosting has other trees than scores",
    )


def _check_histograms(model: Any) -> None:
    """Nodes lead onwards and stay within features and category sets; categories fit into the sets."""
    import numpy as np

    if not hasattr(model, "_predictors"):
        return
    width = len(model._bin_mapper.bin_thresholds_)
    categorical = np.asarray(model._bin_mapper.is_categorical_)
    _require(categorical.shape == (width,), "the boosting has other features than bins")
    for feature in np.flatnonzero(categorical):
        values = np.asarray(model._bin_mapper.bin_thresholds_[feature])
        _require(np.all((values >= 0) & (values < _BITSET)), "a category is too large for its set")
    seen = model.n_features_in_ if model._preprocessor is None else _columns_after(model._preprocessor)
    _require(seen == width, "the boosting has other features than bins")
    for predictor in (one for rounds in model._predictors for one in rounds):
        tree_validation.check_predictor(predictor, width, categorical)


def _columns_after(preprocessor: Any) -> int:
    """Return how many columns come out of what boosting numbers categories with: as many as go in."""
    from functools import partial

    import numpy as np
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
    from sklearn.utils import check_array

    count = 0
    for _, step, columns in preprocessor.transformers_:
        if step == "drop":
            continue
        function = getattr(step, "func", None)
        same = function.func if isinstance(function, partial) else function
        _require(
            type(step) in (OrdinalEncoder, FunctionTransformer) and same in (None, check_array), "columns are made"
        )
        count += int(np.count_nonzero(columns)) if np.asarray(columns).dtype == bool else len(columns)
    return count


# --- neighbors, support vectors, clusters, factors -----------------------------------------------------------------------


def _check_ball_or_box(tree: Any) -> None:
    """KDTree and BallTree: node i has the children 2 i + 1 and 2 i + 2 unless it is a leaf, and a span of the points' order."""
    import numpy as np

    points, order, nodes, bounds, _, levels, count, *_, metric, weights = tree.__getstate__()
    size, width = points.shape
    corners = 2 if "KDTree" in type(tree).__name__ else 1
    _require(
        size > 0
        and 0 < levels < 60
        and count == len(nodes) == 2**levels - 1
        and order.shape == (size,)
        and bounds.shape == (corners, count, width)
        and (weights is None or len(weights) == size),
        "a tree of neighbors has arrays of other sizes than its points",
    )
    inner = np.arange(count) < count // 2
    start, end = nodes["idx_start"], nodes["idx_end"]
    _require(
        _within(order, 0, size)
        and np.all((start >= 0) & (start <= end) & (end <= size))
        and np.all(inner | (nodes["is_leaf"] == 1)),
        "a tree of neighbors refers to points or nodes that it does not have",
    )
    _check_metric(metric, width)


def _check_metric(metric: Any, width: int) -> None:
    kind = type(metric).__name__
    _, vector, matrix = metric.__getstate__()[:3]
    if kind.startswith("Mahalanobis"):
        _require(matrix.shape == (width, width), "the metric has another width than the points")
    elif kind.startswith("SEuclidean") or (kind.startswith("Minkowski") and len(vector) > 1):
        _require(vector.shape == (width,), "the metric has another width than the points")
    elif kind.startswith("Haversine"):
        _require(width == 2, "distances on the sphere are of two angles")


def _check_points(model: Any) -> None:
    points = getattr(model, "_fit_X", None)
    _require(
        points is None or points.shape == (model.n_samples_fit_, model.n_features_in_), "the points have another shape"
    )


def _check_votes(model: Any) -> None:
    """Labels are numbers of classes, one for each point."""
    if not hasattr(model, "_y"):
        return
    _require(model._y.shape[0] == model._fit_X.shape[0] == model.n_samples_fit_, "points and labels differ in number")
    columns = [model._y] if model._y.ndim == 1 else list(model._y.T)
    classes = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
    _require(
        len(columns) == len(classes)
        and all(_within(column, 0, len(names)) for column, names in zip(columns, classes, strict=True)),
        "a label is of no class",
    )


def _check_support_vectors(model: Any) -> None:
    """The shapes that libsvm reads: vectors by class, their coefficients, one intercept for each pair of classes."""
    from scipy import sparse

    if not hasattr(model, "support_vectors_"):
        return
    count = len(model.support_)
    classified = hasattr(model, "classes_")
    classes = len(model.classes_) if classified else 2
    pairs = classes * (classes - 1) // 2
    vectors, coefficients, by_class = model.support_vectors_, model._dual_coef_, model._n_support
    _require(
        by_class.shape == (classes,)
        and _within(by_class, 0, count + 1)
        and (int(by_class.sum()) == count or not classified)
        and coefficients.shape == (classes - 1, count)
        and model._intercept_.shape == (pairs,)
        and len(model._probA) == len(model._probB)
        and len(model._probA) in (0, pairs)
        and bool(model._sparse) == sparse.issparse(vectors) == sparse.issparse(coefficients),
        "the support vectors do not fit their coefficients",
    )
    if sparse.issparse(coefficients):
        _require(coefficients.nnz == (classes - 1) * count, "the support vectors do not fit their coefficients")
    computed = model.kernel == "precomputed" or callable(model.kernel)
    _require(_within(model.support_, 0, model.shape_fit_[0]), "a support vector is no row that was fitted")
    empty = computed and vectors.shape[0] == 0  # only the kernel of the rows is known
    _require(empty or vectors.shape == (count, model.n_features_in_), "the support vectors have another width")
    _require(not computed or model.n_features_in_ == model.shape_fit_[0] or callable(model.kernel), "rows are missing")


def _check_centres(model: Any) -> None:
    if not hasattr(model, "cluster_centers_"):
        return
    width = model.n_features_in_
    _require(
        model.cluster_centers_.ndim == 2 and model.cluster_centers_.shape[1] == width, "the centres have another width"
    )
    for node in held(getattr(model, "_bisecting_tree", None)):
        if hasattr(node, "center"):
            _require(node.center.shape == (width,), "the centres have another width")


def _check_factors(model: Any) -> None:
    if hasattr(model, "components_"):
        count = getattr(model, "_n_components", model.n_components_)
        _require(
            model.components_.shape == (model.n_components_, model.n_features_in_) and count == model.n_components_,
            "the factors have another shape",
        )


# --- features -----------------------------------------------------------------------------------------------------------


def _check_one_hot(encoder: Any) -> None:
    """Columns are counted from the categories that the rows are looked up in."""
    import numpy as np

    if not hasattr(encoder, "_n_features_outs"):
        return
    _require(
        list(encoder._n_features_outs) == list(encoder._compute_n_features_outs()),
        "columns and categories differ in number",
    )
    dropped = () if encoder._drop_idx_after_grouping is None else encoder._drop_idx_after_grouping
    for place, values in zip(dropped, encoder.categories_, strict=False):
        _require(place is None or _within(place, 0, len(values)), "the category that is dropped is none")
    grouped = getattr(encoder, "_default_to_infrequent_mappings", ())
    for mapping, count in zip(grouped, encoder._n_features_outs, strict=False):
        _require(mapping is None or _within(np.asarray(mapping), 0, int(count) + 1), "a category has no column")


def _check_vocabulary(vectorizer: Any) -> None:
    vocabulary = getattr(vectorizer, "vocabulary_", {})
    _require(sorted(map(int, vocabulary.values())) == list(range(len(vocabulary))), "a word has no column")


def _check_spline(spline: Any) -> None:
    import numpy as np

    knots, coefficients, degree = spline.t, spline.c, spline.k
    _require(
        isinstance(degree, int)
        and 0 <= degree <= _HIGHEST_DEGREE
        and knots.dtype.kind == coefficients.dtype.kind == "f"
        and knots.ndim == 1
        and len(coefficients) >= len(knots) - degree - 1 >= degree + 1
        and np.all(np.isfinite(knots))
        and np.all(np.diff(knots) >= 0),
        "a spline has other knots than coefficients",
    )


def _check_generator(generator: Any) -> None:
    """The place in the block of numbers that were drawn ahead: 624 of MT19937, four of Philox."""
    import numpy as np

    legacy = isinstance(generator, np.random.RandomState)
    state = generator.get_state(legacy=False) if legacy else generator.bit_generator.state
    place = state["state"].get("pos", state.get("buffer_pos", 0))
    size = {"MT19937": 624, "Philox": 4}.get(state["bit_generator"], 0)
    _require(0 <= place <= size, "a generator of random numbers is beyond its block")


def _check_sparse(matrix: Any) -> None:
    if matrix.format in ("csr", "csc", "bsr"):
        matrix.check_format(full_check=True)
    elif matrix.format == "coo":
        _require(
            all(len(places) == len(matrix.data) for places in matrix.coords)
            and all(_within(places, 0, size) for places, size in zip(matrix.coords, matrix.shape, strict=True)),
            "a sparse matrix has values outside its shape",
        )
    else:
        _require(
            matrix.format == "dia" and len(matrix.offsets) == len(matrix.data),
            "a sparse matrix of this kind is not read",
        )
