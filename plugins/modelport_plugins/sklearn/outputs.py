"""The outputs of a fitted estimator, and scikit-learn's own predictions as the reference of the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from modelport import Signature, TensorSpec
from modelport.errors import inputs_refused
from modelport_plugins.sklearn import neighbors
from modelport_plugins.sklearn.inputs import BATCH, hands_texts_on, is_text, takes_images, takes_labels
from modelport_plugins.sklearn.tables import column_names, frame, restored_matrix
from modelport_plugins.sklearn.traversal import first_step, last_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Shape: TypeAlias = tuple[int | str, ...] | None
Kind: TypeAlias = Literal["tensor", "sequence", "map", "sequence_of_maps"]

LABEL, VARIABLE, PROBABILITIES = "label", "variable", "probabilities"
SCORES, TRANSFORMED, SAMPLE_SCORES = "scores", "transformed", "sample_scores"

_NAMES = {
    "predict": LABEL,
    "predict_proba": PROBABILITIES,
    "decision_function": SCORES,
    "transform": TRANSFORMED,
    "score_samples": SAMPLE_SCORES,
}


def every(model: Any, inputs: Sequence[TensorSpec], *, zipmap: bool) -> tuple[TensorSpec, ...]:
    """Return one output for each method of inference, those that are usually asked for first.

    predict gives ``label`` (``variable`` from a regressor), predict_proba ``probabilities``, decision_function ``scores``,
    transform ``transformed`` (``scores``, the distances, from a clusterer), score_samples ``sample_scores``. Floats are
    float64 as soon as one input is.
    """
    from modelport_converters import sklearn_to_onnx

    floats = "float64" if any(spec.dtype == "float64" for spec in inputs) else "float32"
    taken = {spec.name for spec in inputs}
    first = sklearn_to_onnx.usual(model)
    methods = [*first, *(method for method in _NAMES if method not in first and sklearn_to_onnx.has(model, method))]
    found = []
    for method in methods:
        name = name_of(model, method)
        dtype, shape, kind = _spec(model, method, floats, zipmap)
        found.append(TensorSpec(f"output_{name}" if name in taken else name, dtype, shape, kind))
    return tuple(found)


def usual(model: Any, specs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return the outputs that an estimator of this kind is usually asked for."""
    from modelport_converters import sklearn_to_onnx

    return tuple(specs[: len(sklearn_to_onnx.usual(model))])


def predict(model: Any, signature: Signature, inputs: Mapping[str, Array]) -> dict[str, Any]:
    """Return what the estimator itself answers, in the dtypes and ranks of the signature.

    Raises:
        InputsRefused: for whatever the estimator raises; it may hold functions of its author's.
    """
    features = features_of(model, inputs)
    rows = len(next(iter(inputs.values())))
    found = {}
    for spec in signature.outputs:
        method = method_of(model, spec)
        with inputs_refused("scikit-learn"):
            values = neighbors.asked(model, method, features)
        found[spec.name] = _value(model, spec, values, rows)
    return found


def name_of(model: Any, method: str) -> str:
    """Return the name of the output that a method gives."""
    from sklearn.base import is_clusterer, is_regressor

    if method == "predict" and is_regressor(model):
        return VARIABLE
    if method == "transform" and is_clusterer(model):
        return SCORES
    return _NAMES[method]


def method_of(model: Any, spec: TensorSpec) -> str:
    """Return the method that gives an output."""
    name = spec.name.removeprefix("output_")
    return next(method for method in _NAMES if hasattr(model, method) and name_of(model, method) == name)


def _spec(model: Any, method: str, floats: str, zipmap: bool) -> tuple[str, Shape, Kind]:
    """Return the dtype, shape and kind of what a method returns."""
    from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor

    if method == "transform":
        if is_clusterer(model) and hasattr(last_step(model), "cluster_centers_"):
            return floats, (BATCH, len(last_step(model).cluster_centers_)), "tensor"
        step = last_step(model)
        if getattr(step, "voting", "") == "soft" and not step.flatten_transform:
            return floats, (len(step.estimators_), BATCH, len(step.classes_)), "tensor"
        if takes_images(step):
            return floats, ("patches", *(step.patch_size or ("patch_height", "patch_width"))), "tensor"
        return _transformed_dtype(step, floats), (BATCH, "features"), "tensor"
    if is_classifier(model):
        return _of_classifier(model, method, floats, zipmap)
    if is_outlier_detector(model) or method == "score_samples":
        return "int64" if method == "predict" else floats, (BATCH, 1), "tensor"
    if is_regressor(model):
        return floats, (BATCH, "targets"), "tensor"
    if method == "predict":
        return "int64", (BATCH,) if is_clusterer(model) else (BATCH, 1), "tensor"
    return floats, (BATCH, "components"), "tensor"


def _of_classifier(model: Any, method: str, floats: str, zipmap: bool) -> tuple[str, Shape, Kind]:
    import numpy as np

    if isinstance(model.classes_, list):
        return _of_several(model, method, floats)
    classes = np.asarray(model.classes_)
    if _marks_labels(model):
        return "int64" if method == "predict" else floats, (BATCH, len(classes)), "tensor"
    if method == "predict":
        return _label_dtype(classes, floats), (BATCH,), "tensor"
    if method == "predict_proba" and zipmap:
        return "float32", None, "sequence_of_maps"
    return floats, (BATCH, _score_width(model, method, len(classes))), "tensor"


def _of_several(model: Any, method: str, floats: str) -> tuple[str, Shape, Kind]:
    """A classifier of several targets, each with classes of its own."""
    from sklearn.ensemble import StackingClassifier
    from sklearn.multioutput import ClassifierChain

    several = len(model.classes_)
    if method == "predict":
        dtypes = {_label_dtype(classes, floats) for classes in model.classes_}
        dtype = "string" if "string" in dtypes else floats if floats in dtypes else "int64"
        return dtype, (BATCH, several), "tensor"
    if isinstance(last_step(model), ClassifierChain | StackingClassifier):
        return floats, (BATCH, several), "tensor"
    if hasattr(last_step(model), "n_outputs_"):  # trees and forests stack what MultiOutputClassifier lists
        return floats, (several, BATCH, max(map(len, model.classes_))), "tensor"
    return floats, None, "sequence"


def _marks_labels(model: Any) -> bool:
    """Whether a classifier answers for each label by itself: one column for each, of 0 and 1 (multilabel-indicator)."""
    last = last_step(model)
    binarizer = getattr(last, "_label_binarizer", None) or getattr(last, "label_binarizer_", None)
    return str(getattr(binarizer, "y_type_", "")).startswith("multilabel")


def _score_width(model: Any, method: str, classes: int) -> int:
    """One probability for each class; one decision score for two classes, and one for each pair one-against-one."""
    if method == "predict_proba":
        return classes
    if classes == 2:
        return 1
    pairwise = getattr(last_step(model), "decision_function_shape", "ovr") == "ovo"
    return classes * (classes - 1) // 2 if pairwise else classes


def _label_dtype(classes: Array, floats: str) -> str:
    if classes.dtype.kind == "f" and (classes % 1).any():
        return floats
    return "string" if classes.dtype.kind in "OUS" else "int64"


def _transformed_dtype(transformer: Any, floats: str) -> str:
    """Only an imputer hands texts on; labels become whole numbers."""
    if takes_labels(transformer):
        return "int64"
    return "string" if hands_texts_on(transformer) else floats


def features_of(model: Any, inputs: Mapping[str, Array]) -> Any:
    """Return what the estimator was fitted on: a DataFrame of columns, a sequence of texts, or a matrix."""
    import pandas as pd

    table = column_names(model)
    if table is not None and set(inputs) <= set(table):
        return frame(model, inputs, table)
    (matrix,) = inputs.values()
    matrix = restored_matrix(model, matrix)
    if matrix.dtype.kind == "f":
        matrix = matrix.astype(_dtype_of_rows(model) or matrix.dtype, copy=False)
    if is_text(first_step(model)) or (takes_labels(model) and matrix.shape[1] == 1):
        return matrix[:, 0]
    names = getattr(model, "feature_names_in_", None)
    return matrix if names is None else pd.DataFrame(matrix, columns=names)


def _dtype_of_rows(model: Any) -> Any:
    """Return the only dtype that a step takes: some refuse float32 rows when they were fitted on float64 ones."""
    from sklearn.decomposition import NMF

    step = getattr(model, "best_estimator_", model)
    if isinstance(getattr(step, "steps", None), list):
        return next((dtype for _, one in step.steps if (dtype := _dtype_of_rows(one))), None)
    if hasattr(step, "cluster_centers_"):
        return step.cluster_centers_.dtype
    if isinstance(step, NMF):
        return step.components_.dtype
    if getattr(step, "transform_algorithm", None) == "lasso_cd":
        return (step.components_ if hasattr(step, "components_") else step.dictionary).dtype
    return None


def _value(model: Any, spec: TensorSpec, values: Any, rows: int) -> Any:
    import numpy as np

    if spec.kind == "sequence_of_maps":
        keys = [str(key) if isinstance(key, str) else int(key) for key in model.classes_]
        return [dict(zip(keys, row, strict=True)) for row in values.astype(spec.dtype)]
    if spec.kind == "sequence":
        return [one.astype(spec.dtype) for one in values]
    if isinstance(values, list):
        widest = max(one.shape[1] for one in values)
        values = [np.pad(one, ((0, 0), (0, widest - one.shape[1]))) for one in values]
    return _cast(values, spec, rows)


def _cast(values: Any, spec: TensorSpec, rows: int) -> Array:
    """Return a dense array of the signature's dtype and rank (scikit-learn's single column, or row, is one-dimensional)."""
    import numpy as np
    from scipy.sparse import issparse

    array = values.toarray() if issparse(values) else np.asarray(values)
    if spec.shape is not None and len(spec.shape) == 2 and array.ndim == 1:
        array = array.reshape(rows, -1) if rows else array.reshape(0, 1)
    if spec.dtype == "string":
        return np.array([str(value) for value in array.ravel()], dtype=object).reshape(array.shape)
    return array.astype(spec.dtype)
