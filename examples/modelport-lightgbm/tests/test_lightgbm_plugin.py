"""The plugin against LightGBM itself, and the ONNX side in ONNX Runtime."""

from __future__ import annotations

import lightgbm as lgb
import modelport_lightgbm as plugin
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from modelport_lightgbm import trees
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from modelport import Options
from modelport.errors import CannotConvert, InvalidSignature, SourceUnreadable
from modelport.signature import parse_input

SETTINGS = {"n_estimators": 30, "min_child_samples": 5, "random_state": 0, "verbose": -1, "n_jobs": 1}
DTYPES = ("float32", "float64")


def labelled(loader):
    data = loader()
    return data.data, data.target


def with_gaps(features):
    generator = np.random.default_rng(0)
    return np.where(generator.random(features.shape) < 0.1, np.nan, features)


def with_categories():
    """A category in the first column decides together with the sign of the second."""
    generator = np.random.default_rng(0)
    features = np.stack([generator.integers(0, 8, 600), generator.standard_normal(600)], axis=1)
    return features, ((features[:, 0] % 3 == 1) ^ (features[:, 1] > 0)).astype(int)


def binary():
    return lgb.LGBMClassifier(**SETTINGS).fit(*labelled(load_breast_cancer))


def multiclass():
    return lgb.LGBMClassifier(**SETTINGS).fit(*labelled(load_wine))


def texts():
    features, target = labelled(load_wine)
    return lgb.LGBMClassifier(**SETTINGS).fit(features, np.array(["red", "rosé", "white"])[target])


def one_against_all():
    return lgb.LGBMClassifier(objective="multiclassova", **SETTINGS).fit(*labelled(load_wine))


def regressor():
    return lgb.LGBMRegressor(**SETTINGS).fit(*labelled(load_diabetes))


def square_root():
    return lgb.LGBMRegressor(reg_sqrt=True, **SETTINGS).fit(*labelled(load_diabetes))


def poisson():
    return lgb.LGBMRegressor(objective="poisson", **SETTINGS).fit(*labelled(load_diabetes))


def averaged_forest():
    settings = {**SETTINGS, "subsample": 0.5, "subsample_freq": 1}
    return lgb.LGBMRegressor(boosting_type="rf", **settings).fit(*labelled(load_diabetes))


def missing_values():
    features, target = labelled(load_breast_cancer)
    return lgb.LGBMClassifier(**SETTINGS).fit(with_gaps(features), target)


def categories():
    return lgb.LGBMClassifier(**SETTINGS).fit(*with_categories(), categorical_feature=[0])


def booster():
    return multiclass().booster_


def leaves_only():
    features, target = labelled(load_diabetes)
    return lgb.LGBMRegressor(**{**SETTINGS, "min_child_samples": 1000}).fit(features, target)


MODELS = (
    binary, multiclass, texts, one_against_all, regressor, square_root, poisson, averaged_forest, missing_values,
    categories, booster, leaves_only,
)  # fmt: skip


def converted(model, dtype="float32"):
    width = plugin.signature(model, Options()).inputs[0].shape[1]
    options = Options(inputs=(parse_input(f"X:{dtype}[N,{width}]"),))
    signature = plugin.signature(model, options)
    proto = plugin.to_onnx(model, signature, 20, options)
    onnx.checker.check_model(proto, full_check=True)
    return signature, ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_onnx_runtime_agrees_with_lightgbm_at_and_around_the_splits(build, dtype):
    model = build()
    signature, session = converted(model, dtype)
    for seed in range(3):
        inputs = plugin.samples(model, signature, seed)
        expected = plugin.run(model, signature, inputs, Options())
        for spec, found in zip(signature.outputs, session.run(None, inputs), strict=True):
            assert found.dtype == expected[spec.name].dtype
            assert found.shape == expected[spec.name].shape
            if spec.name == "label":
                np.testing.assert_array_equal(found, expected[spec.name])
            else:
                np.testing.assert_allclose(found, expected[spec.name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("build", [binary, multiclass, texts, missing_values])
def test_run_gives_what_the_estimator_predicts(build):
    model = build()
    signature, _ = converted(model, "float64")
    inputs = plugin.samples(model, signature, 0)
    found = plugin.run(model, signature, inputs, Options())
    features = inputs["X"]
    np.testing.assert_array_equal(found["label"], model.predict(features))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(features), rtol=1e-12)


def test_a_float32_threshold_is_rounded_down_so_that_no_row_changes_sides():
    threshold = np.float64(np.float32(0.1)) - 1e-12  # the nearest float32 lies above it
    assert trees._rounded_down(threshold, np.dtype("float32")) < threshold
    assert trees._rounded_down(threshold, np.dtype("float64")) == threshold


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"linear_tree": True}, "linear models"), ({"zero_as_missing": True}, "zeros are taken for missing")],
)
def test_what_has_no_form_in_onnx_is_refused(settings, message):
    features, target = labelled(load_diabetes)
    model = lgb.LGBMRegressor(**SETTINGS, **settings).fit(features, target)
    with pytest.raises(CannotConvert, match=message):
        converted(model)


def test_an_unknown_objective_is_refused_by_name():
    model = lgb.LGBMRegressor(objective="cross_entropy_lambda", **SETTINGS)
    features, target = labelled(load_diabetes)
    with pytest.raises(CannotConvert, match="cross_entropy_lambda"):
        converted(model.fit(features, target / target.max()))


def test_an_estimator_that_was_not_fitted_is_refused():
    with pytest.raises(CannotConvert, match="has not been fitted"):
        plugin.signature(lgb.LGBMClassifier(), Options())


@pytest.mark.parametrize("text", ["X:float32[N,5]", "X:int64[N,13]", "X:float32[N]"])
def test_an_input_that_does_not_fit_is_refused(text):
    with pytest.raises(InvalidSignature):
        plugin.signature(multiclass(), Options(inputs=(parse_input(text),)))


def test_a_saved_booster_is_recognised_and_loaded(tmp_path):
    path = tmp_path / "model.txt"
    booster().save_model(path)
    assert plugin.detect(path).confidence == 1.0
    features, _ = labelled(load_wine)
    np.testing.assert_array_equal(plugin.load(path, Options()).predict(features), booster().predict(features))


def test_another_text_file_is_not_claimed(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("trees\n")
    assert plugin.detect(path) is None


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.99])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = tmp_path / "model.txt"
    text = booster().model_to_string()
    path.write_text(text[: int(len(text) * share)])
    with pytest.raises(SourceUnreadable):
        plugin.load(path, Options())
