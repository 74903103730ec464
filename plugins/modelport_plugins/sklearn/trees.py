"""Checking the contents of trees that come from a file.

A tree's nodes name their children and features by number, and scikit-learn follows them without looking: a crafted file could
make it read beyond the arrays. skops therefore trusts no file with trees in it. With the numbers checked before the first
prediction, a saved forest needs no more trust than a saved linear model.
"""

from __future__ import annotations

from typing import Any

from .steps import held

TREE = "sklearn.tree._tree.Tree"
"""The type that `check` makes safe to load."""


def check(model: Any) -> None:
    """Raise ValueError unless every tree inside a loaded object stays within its own nodes and its model's features, and ends."""
    from sklearn.tree._tree import Tree

    for item in held(model):
        if isinstance(item, Tree):
            _check_nodes(item)
        else:
            _check_width(item)


def _check_nodes(tree: Any) -> None:
    import numpy as np

    left, right, feature = tree.children_left, tree.children_right, tree.feature
    numbers, leaf = np.arange(tree.node_count), left == -1
    # scikit-learn numbers a child after its parent, so that following children always ends
    later = (left > numbers) & (right > numbers) & (left < tree.node_count) & (right < tree.node_count)
    within = (feature >= 0) & (feature < tree.n_features)
    if tree.node_count == 0 or not np.all(np.where(leaf, right == -1, later & within)):
        raise ValueError("a tree refers to nodes or features that it does not have")


def _check_width(model: Any) -> None:
    """Compare the features of the trees that a model holds directly with those that it checks its rows for."""
    import numpy as np

    held = [model, *np.ravel(np.asarray(getattr(model, "estimators_", ()), object))]
    if not hasattr(model, "n_features_in_") or hasattr(model, "estimators_features_"):
        return  # bagging hands each tree its own choice of features, which that tree checks itself
    for one in held:
        if hasattr(one, "tree_") and one.tree_.n_features != model.n_features_in_:
            raise ValueError("a tree refers to nodes or features that it does not have")
