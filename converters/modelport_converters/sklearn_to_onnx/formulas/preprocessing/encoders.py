"""Encoders of categorical features and of labels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import preprocessing

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features, column
from modelport_converters.sklearn_to_onnx.registry import refuse, transform

_UNSEEN = "\u2603 unseen"


@transform(preprocessing.OneHotEncoder, columns=True)
def one_hot_encoded(model: Any, x: Features) -> Value:
    """A column of 0 and 1 for each category that is kept; nowhere 1 for one that is dropped or ignored."""
    parts, start = [], 0
    answers = sparse.csr_array(_answers(model))
    for feature, categories in enumerate(model.categories_):
        width = model._n_features_outs[feature]
        block = answers[:, start : start + width]
        start += width
        found = np.where(block.sum(axis=1) > 0, block.argmax(axis=1) if width else 0, -1)
        code = fn.take(_by_category(found, categories), coded(model, x, feature, categories))
        parts.append(fn.one_hot(code, width, model.dtype))
    return fn.concatenate(parts, 1)


@transform(preprocessing.OrdinalEncoder, columns=True)
def ordinal_encoded(model: Any, x: Features) -> Value:
    """The number of the category; other numbers for a missing and an unknown one, where they are set."""
    return _looked_up(model, x, 1)


@transform(preprocessing.TargetEncoder, columns=True)
def target_encoded(model: Any, x: Features) -> Value:
    """The shrunk mean of the target in the category, for each class of several; that of all rows for an unknown one."""
    return _looked_up(model, x, len(model.classes_) if model.target_type_ == "multiclass" else 1)


def _looked_up(model: Any, x: Features, width: int) -> Value:
    answers = np.asarray(_answers(model))
    parts = []
    for feature, categories in enumerate(model.categories_):
        table = _by_category(answers[:, feature * width : (feature + 1) * width], categories)
        parts.append(fn.take(table, coded(model, x, feature, categories)))
    return fn.concatenate(parts, 1)


def coded(model: Any, x: Features, feature: int, categories: NDArray[Any]) -> Value:
    """Return the place [N] of each value of a column among the categories; refuses numbers where these are texts."""
    found = column(x, feature)
    if found.dtype.kind != "O" and any(isinstance(one, str) for one in categories):
        names = getattr(model, "feature_names_in_", range(model.n_features_in_))
        refuse(
            model,
            f"its column {names[feature]!s} holds {found.dtype}, and its categories are texts",
            "say what the column holds: --input 'NAME:string[N,1]', or give --samples",
        )
    return position(found, categories)


def _answers(encoder: Any) -> Any:
    """Ask the encoder itself: row r holds what it gives for category r of every feature, the last row for unknown ones."""
    most = max(map(len, encoder.categories_))
    rows = np.empty((most + 1, len(encoder.categories_)), object)
    for feature, categories in enumerate(encoder.categories_):
        listed = categories.tolist()
        rows[:, feature] = [*listed, *[listed[0]] * (most - len(listed)), _unseen(listed)]
    admits = getattr(encoder, "handle_unknown", "ignore") != "error"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the rows carry no names, and that something is unknown
        given = encoder.transform(rows if admits else rows[:-1])
    given = given if sparse.issparse(given) else np.asarray(given)
    if admits:
        return given
    if sparse.issparse(given):
        return sparse.vstack([given, sparse.csr_array((1, given.shape[1]))], format="csr")
    none = np.nan if given.dtype.kind == "f" and not isinstance(encoder, preprocessing.OneHotEncoder) else 0
    return np.concatenate([given, np.full((1, given.shape[1]), none, given.dtype)])


def _unseen(categories: list[Any]) -> Any:
    if any(isinstance(one, str) for one in categories):
        return _UNSEEN
    numbers = [one for one in categories if one is not None and one == one]
    return max(numbers, default=0) + 1


def _by_category(answers: NDArray[Any], categories: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([answers[: len(categories)], answers[-1:]])


def position(x: Value, categories: NDArray[Any]) -> Value:
    """Return the place [N] of each value [N, 1] among the categories; their number where it is none of them.

    Missing texts are what ONNX Runtime makes of None and NaN: "None" and "nan".
    """
    x = fn.reshape(x, [-1])
    if x.dtype.kind == "O":
        return _mapped(x, "strings", [str(one) for one in categories])
    if x.dtype.kind != "f" and categories.dtype.kind in "iub":
        return _mapped(x.cast("int64"), "int64s", categories.astype(np.int64).tolist())
    numbers = np.array([np.nan if one is None else one for one in categories], np.float64)
    hits = fn.equal(x.cast("float64")[:, None], numbers)
    if np.isnan(numbers).any():
        hits = hits | (fn.isnan(x)[:, None] & x.graph.constant(np.isnan(numbers)))
    return fn.where(fn.any(hits, 1), fn.argmax(hits, 1), len(categories))


def _mapped(x: Value, kind: str, keys: list[Any]) -> Value:
    attributes = {f"keys_{kind}": keys, "values_int64s": list(range(len(keys))), "default_int64": len(keys)}
    (found,) = x.graph.ops("LabelEncoder", x, dtypes=["int64"], domain="ai.onnx.ml", **attributes)
    return found


# --- labels ------------------------------------------------------------------------------------------------------------


@transform(preprocessing.LabelEncoder)
def labels_encoded(model: Any, x: Value) -> Value:
    """The number of each label."""
    return position(x, model.classes_)


@transform(preprocessing.LabelBinarizer)
def labels_binarized(model: Any, x: Value) -> Value:
    """A column for each class, one alone for two classes; for rows of 0 and 1, themselves."""
    if model.y_type_ == "multilabel-indicator":
        hits = ~fn.equal(x, 0)
    else:
        hits = fn.equal(position(x, model.classes_)[:, None], np.arange(len(model.classes_)))
        if len(model.classes_) == 1:
            hits = hits & ~hits
        if len(model.classes_) == 2:
            hits = hits[:, 1:]
    return fn.where(hits, np.int64(model.pos_label), np.int64(model.neg_label))


@transform(preprocessing.MultiLabelBinarizer)
def label_sets(model: Any, x: Value) -> Value:
    """Refused: its rows are sets of any size."""
    refuse(
        model, "it takes a set of labels for each row, and a tensor has no ragged rows", "convert what follows it alone"
    )
