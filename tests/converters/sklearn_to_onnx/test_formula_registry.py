"""Formulas for classes and those that inherit, what is refused and where, and skl2onnx beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import skl2onnx
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA, SparsePCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelport.errors import CannotConvert, UnsupportedOps
from modelport.signature import TensorSpec
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx import convert, registry, skl2onnx_registration

X, Y = load_iris(return_X_y=True)
INPUT = [TensorSpec("X", "float64", ("N", 4))]


def answer(model: Any, method: str) -> Any:
    made = convert(model, INPUT, {method: TensorSpec("y", "float64", None)}, 20)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"X": X})[0]


class Renamed(PCA):
    """Inherits transform."""


class Doubled(PCA):
    """Has a transform of its own."""

    def transform(self, X):  # noqa: N803 - scikit-learn's name
        return 2.0 * super().transform(X)


def test_a_class_that_inherits_a_method_inherits_its_formula():
    model = Renamed(2).fit(X)
    np.testing.assert_allclose(answer(model, "transform"), model.transform(X), rtol=1e-9, atol=1e-12)


def test_a_class_with_a_method_of_its_own_is_refused_with_its_place_and_what_to_do():
    model = make_pipeline(StandardScaler(), Doubled(2)).fit(X)
    with pytest.raises(UnsupportedOps) as caught:
        answer(model, "transform")
    assert "Doubled.transform (at doubled)" in str(caught.value)
    assert "update_registered_converter" in caught.value.remedy


class Shifted(RegressorMixin, BaseEstimator):
    """Predicts the first feature and a number; refuses to convert for a negative one."""

    def __init__(self, by=1.0):
        self.by = by

    def fit(self, X, y=None):  # noqa: N803
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):  # noqa: N803
        return X[:, 0] + self.by


@registry.predict(Shifted)
def _shifted(model: Any, x: Value) -> Value:
    if model.by < 0:
        registry.refuse(model, f"by={model.by} is negative", "choose a positive one")
    result: Value = x[:, 0] + model.by
    return result


def test_a_formula_that_is_registered_serves():
    np.testing.assert_allclose(answer(Shifted().fit(X), "predict"), X[:, 0] + 1.0)


def test_a_refusal_names_the_class_the_place_and_the_alternative():
    model = make_pipeline(StandardScaler(), Shifted(-1.0)).fit(X)
    with pytest.raises(CannotConvert) as caught:
        answer(model, "predict")
    assert caught.value.what == "Shifted: by=-1.0 is negative"
    assert caught.value.where == "shifted"
    assert caught.value.remedy == "choose a positive one"


class Halved(TransformerMixin, BaseEstimator):
    """Known to neither skl2onnx nor modelport, until it is registered with one."""

    def fit(self, X, y=None):  # noqa: N803
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):  # noqa: N803
        return X / 2.0


def test_a_converter_registered_with_skl2onnx_serves():
    def shapes(operator: Any) -> None:
        operator.outputs[0].type = operator.inputs[0].type.__class__([None, 4])

    def write(scope: Any, operator: Any, container: Any) -> None:
        half = scope.get_unique_variable_name("half")
        container.add_initializer(half, 11, [], [0.5])
        container.add_node("Mul", [operator.inputs[0].full_name, half], operator.outputs[0].full_name, name="halve")

    skl2onnx.update_registered_converter(Halved, "TestHalved", shapes, write)
    model = make_pipeline(Halved(), StandardScaler()).fit(X)
    np.testing.assert_allclose(answer(model, "transform"), model.transform(X), rtol=1e-9, atol=1e-12)


def test_skl2onnx_itself_finds_the_formulas_that_it_lacks():
    model = make_pipeline(SparsePCA(2, max_iter=20), LogisticRegression()).fit(X, Y)
    rows = X.astype(np.float32)
    made = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {"X": rows})
    np.testing.assert_array_equal(labels, model.predict(rows))
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), rtol=1e-3, atol=1e-5)


class Signed(ClassifierMixin, BaseEstimator):
    """A classifier of texts that skl2onnx does not know."""

    def fit(self, X, y):  # noqa: N803
        self.n_features_in_, self.classes_ = X.shape[1], np.unique(y)
        return self

    def predict(self, X):  # noqa: N803
        return self.classes_[(X[:, 0] > 0).astype(int)]


def test_the_bridge_gives_texts_and_numbers_in_the_shapes_that_skl2onnx_expects():
    from modelport_converters.sklearn_to_onnx.labels import label_at

    registry.predict(Signed)(lambda model, x: label_at(model.classes_, (x[:, 0] > 0).cast("int64")))
    skl2onnx_registration.register()
    centred = (X - X.mean(axis=0)).astype(np.float32)
    for model in (Signed().fit(centred, np.where(Y > 0, "yes", "no")), Shifted().fit(centred)):
        made = skl2onnx.to_onnx(model, centred[:1])
        found = onnxruntime.InferenceSession(made.SerializeToString()).run(None, {"X": centred})[0]
        expected = model.predict(centred)
        assert found.shape == ((len(X),) if expected.dtype.kind in "OU" else (len(X), 1))
        assert (found.ravel() == expected).all()
