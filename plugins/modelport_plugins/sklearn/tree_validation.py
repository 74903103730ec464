"""Validation of decision trees from a file.

A tree's nodes name their children and features by number, and scikit-learn follows them without looking: a crafted file could
make it read beyond the arrays. skops therefore trusts no file with trees in it. With the numbers checked before the first
prediction, a saved forest needs no more trust than a saved linear model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_ASTRAY = "a tree refers to nodes or features that it does not have"


def check_nodes(tree: Any) -> None:
    """Raise ValueError unless a tree stays within its own nodes and features, and ends."""
    if not 0 < tree.node_count <= tree.capacity:
        raise ValueError(_ASTRAY)
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    leaf = left == -1
    within = (feature >= 0) & (feature < tree.n_features)
    if not (_leads_on(left, right, leaf) & (leaf | within)).all() or (right[leaf] != -1).any():
        raise ValueError(_ASTRAY)


def check_predictor(predictor: Any, width: int, categorical: Array) -> None:
    """Raise ValueError unless a tree of histogram boosting stays within its nodes, features and category sets, and ends.

    Args:
        predictor: the tree.
        width: how many features its rows have.
        categorical: which of them are categories.
    """
    import numpy as np
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    nodes, sets = predictor.nodes, predictor.raw_left_cat_bitsets
    if nodes.dtype != PREDICTOR_RECORD_DTYPE or nodes.ndim != 1 or not len(nodes):
        raise ValueError(_ASTRAY)
    leaf = nodes["is_leaf"] != 0
    of_set = ~leaf & (nodes["is_categorical"] != 0)
    feature = nodes["feature_idx"]
    within = (feature >= 0) & (feature < width)
    in_sets = nodes["bitset_idx"] < len(sets)
    if sets.dtype != np.uint32 or sets.shape[1:] != (8,) or not (~of_set | in_sets).all():
        raise ValueError(_ASTRAY)
    if not (leaf | (_leads_on(nodes["left"], nodes["right"], leaf) & within)).all():
        raise ValueError(_ASTRAY)
    if not categorical[feature[of_set]].all():
        raise ValueError("a tree takes a number for a category")


def _leads_on(left: Array, right: Array, leaf: Array) -> Array:
    """Whether each node's children come after it, as scikit-learn numbers them: following them always ends."""
    import numpy as np

    numbers, count = np.arange(len(left)), len(left)
    later = (left > numbers) & (right > numbers) & (left < count) & (right < count)
    result: Array = leaf | later
    return result


def check_width(model: Any) -> None:
    """Compare a tree's features with those of the rows that its estimator, or a forest without another check, hands it."""
    import numpy as np
    from sklearn.ensemble import IsolationForest
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.tree._tree import Tree

    if isinstance(getattr(model, "tree_", None), Tree) and model.tree_.n_features != model.n_features_in_:
        raise ValueError(_ASTRAY)
    if not isinstance(model, BaseForest | BaseGradientBoosting | IsolationForest) or not hasattr(model, "estimators_"):
        return
    trees = [one.tree_ for one in np.ravel(np.asarray(model.estimators_, object))]
    widths = [model.n_features_in_] * len(trees)
    if isinstance(model, IsolationForest) and model._max_features != model.n_features_in_:
        widths = [len(chosen) for chosen in model.estimators_features_]
    if [tree.n_features for tree in trees] != widths:
        raise ValueError(_ASTRAY)
