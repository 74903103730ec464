"""The outputs of a fitted estimator, and its own predictions as the reference of the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelport import Signature, TensorSpec

from .inputs import BATCH, column_names, is_text
from .steps import first_step, last_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

LABEL, PROBABILITIES, SCORES, VARIABLE, TRANSFORMED = "label", "probabilities", "scores", "variable", "transformed"


def of(model: Any, inputs: Sequence[TensorSpec], *, zipmap: bool) -> tuple[TensorSpec, ...]:
    """Return every output of inference, in skl2onnx's order.

    A classifier or mixture gives label and probabilities (scores, the decision function, where it has no probabilities);
    a clusterer label and scores (distances); an outlier detector label and scores (decision function); a regressor
    variable; a transformer transformed. Floats are float64 as soon as one input is.
    """
    floats = "float64" if any(spec.dtype == "float64" for spec in inputs) else "float32"
    taken = {spec.name for spec in inputs}
    specs = _specs(model, floats, zipmap)
    return tuple(
        TensorSpec(f"output_{spec.name}" if spec.name in taken else spec.name, spec.dtype, spec.shape, spec.kind)
        for spec in specs
    )


def has_binary_scores(model: Any) -> bool:
    """Whether the model is a classifier of two classes with a decision function and no probabilities."""
    from sklearn.base import is_classifier

    return is_classifier(model) and not hasattr(model, "predict_proba") and len(model.classes_) == 2


def predict(model: Any, signature: Signature, inputs: Mapping[str, Array]) -> dict[str, Any]:
    """Return what the estimator itself predicts, in the dtypes and ranks of the signature."""
    features = features_of(model, inputs)
    return {spec.name: _value(model, spec, features) for spec in signature.outputs}


def _specs(model: Any, floats: str, zipmap: bool) -> list[TensorSpec]:
    from sklearn.base import is_classifier, is_clusterer, is_outlier_detector

    if is_outlier_detector(model):
        return [TensorSpec(LABEL, "int64", (BATCH, 1)), TensorSpec(SCORES, floats, (BATCH, 1))]
    if is_classifier(model):
        return _classifier(model, floats, zipmap)
    if is_clusterer(model) and hasattr(model, "transform"):
        return [
            TensorSpec(LABEL, "int64", (BATCH,)),
            TensorSpec(SCORES, floats, (BATCH, len(last_step(model).cluster_centers_))),
        ]
    if hasattr(model, "predict_proba"):
        components = int(last_step(model).n_components)
        return [TensorSpec(LABEL, "int64", (BATCH, 1)), TensorSpec(PROBABILITIES, floats, (BATCH, components))]
    if hasattr(model, "predict"):
        return [TensorSpec(VARIABLE, floats, (BATCH, "targets"))]
    last = last_step(model)
    return [TensorSpec(TRANSFORMED, _transformed_dtype(last, floats), (BATCH, "features"))]


def _classifier(model: Any, floats: str, zipmap: bool) -> list[TensorSpec]:
    import numpy as np

    probable = hasattr(model, "predict_proba")
    score = PROBABILITIES if probable else SCORES
    if isinstance(model.classes_, list):
        several = len(model.classes_)
        label = TensorSpec(LABEL, _label_dtype(model.classes_[0]), (BATCH, several))
        if hasattr(last_step(model), "n_outputs_"):  # trees and forests stack what MultiOutputClassifier lists
            return [label, TensorSpec(score, floats, (several, BATCH, max(map(len, model.classes_))))]
        return [label, TensorSpec(score, floats, None, "sequence")]
    classes = np.asarray(model.classes_)
    label = TensorSpec(LABEL, _label_dtype(classes), (BATCH,))
    if probable and zipmap:
        return [label, TensorSpec(score, "float32", None, "sequence_of_maps")]
    return [label, TensorSpec(score, floats, (BATCH, _score_width(model, len(classes), probable)))]


def _score_width(model: Any, classes: int, probable: bool) -> int:
    """One probability for each class; one decision score for two classes, and one for each pair one-against-one."""
    if probable:
        return classes
    if classes == 2:
        return 1
    pairwise = getattr(last_step(model), "decision_function_shape", "ovr") == "ovo"
    return classes * (classes - 1) // 2 if pairwise else classes


def _label_dtype(classes: Array) -> str:
    return "string" if classes.dtype.kind in "OUS" else "int64"


def _transformed_dtype(transformer: Any, floats: str) -> str:
    """Only an imputer hands texts on."""
    dtype = getattr(getattr(transformer, "statistics_", None), "dtype", None)
    return "string" if dtype is not None and dtype.kind == "O" else floats


def features_of(model: Any, inputs: Mapping[str, Array]) -> Any:
    """Return what the estimator was fitted on: a DataFrame of columns, a sequence of texts, or a matrix."""
    import pandas as pd

    if column_names(model) is not None:
        return pd.DataFrame({name: pd.Series(values[:, 0]) for name, values in inputs.items()})
    (matrix,) = inputs.values()
    if hasattr(last_step(model), "cluster_centers_"):
        matrix = matrix.astype("float64")  # k-means refuses float32 rows when it was fitted on float64 ones
    if is_text(first_step(model)):
        return matrix[:, 0]
    names = getattr(model, "feature_names_in_", None)
    return matrix if names is None else pd.DataFrame(matrix, columns=names)


def _value(model: Any, spec: TensorSpec, features: Any) -> Any:
    kind = spec.name.removeprefix("output_")
    if kind in (LABEL, VARIABLE):
        return _cast(model.predict(features), spec)
    if kind == PROBABILITIES:
        return _probabilities(model, spec, model.predict_proba(features))
    if kind == SCORES and hasattr(model, "decision_function"):
        return _cast(model.decision_function(features), spec)
    return _cast(model.transform(features), spec)


def _probabilities(model: Any, spec: TensorSpec, values: Any) -> Any:
    import numpy as np

    if spec.kind == "sequence_of_maps":
        keys = [str(key) if isinstance(key, str) else int(key) for key in model.classes_]
        return [dict(zip(keys, row, strict=True)) for row in values.astype(spec.dtype)]
    if spec.kind == "sequence":
        return [one.astype(spec.dtype) for one in values]
    if isinstance(values, list):
        widest = max(one.shape[1] for one in values)
        values = [np.pad(one, ((0, 0), (0, widest - one.shape[1]))) for one in values]
    return _cast(values, spec)


def _cast(values: Any, spec: TensorSpec) -> Array:
    """Return a dense array of the signature's dtype and rank (scikit-learn's single column is one-dimensional)."""
    import numpy as np
    from scipy.sparse import issparse

    array = values.toarray() if issparse(values) else np.asarray(values)
    if spec.shape is not None and len(spec.shape) == 2 and array.ndim == 1:
        array = array.reshape(-1, 1)
    if spec.dtype == "string":
        return np.array([str(value) for value in array.ravel()], dtype=object).reshape(array.shape)
    return array.astype(spec.dtype)
