import copy
import pickle
import warnings

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from plugin_case import options
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from modelport import errors
from modelport.plugins import registry
from modelport.signature import TensorSpec

FLOATS = ("float32", "float64")
X, Y = load_wine(return_X_y=True)
BINARY = (Y == 1).astype(int)
TEXT_LABELS = np.array(["red", "rosé", "white"])[Y]
DIABETES, PROGRESS = load_diabetes(return_X_y=True)


@pytest.fixture(scope="module")
def plugin():
    return registry().get("sklearn")


def exported(plugin, model, chosen, opset=20):
    signature = plugin.call("signature", model=model, options=chosen)
    proto = plugin.call("to_onnx", model=model, signature=signature, opset=opset, options=chosen)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == [spec.name for spec in signature.inputs]
    assert [given.name for given in session.get_outputs()] == [spec.name for spec in signature.outputs]
    return signature, session


def assert_agrees(plugin, model, signature, session, inputs, chosen):
    expected = plugin.call("run", model=model, signature=signature, inputs=inputs, options=chosen)
    for spec, found in zip(signature.outputs, session.run(None, inputs), strict=True):
        reference = expected[spec.name]
        if spec.kind == "sequence":
            for one, other in zip(found, reference, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
        elif spec.dtype in ("string", "int64"):
            assert found.dtype == reference.dtype
            np.testing.assert_array_equal(found, reference, err_msg=spec.name)
        else:
            assert found.dtype == spec.dtype
            np.testing.assert_allclose(found, reference, rtol=1e-3, atol=1e-5, err_msg=spec.name, strict=True)


def on_scaled(model):
    return make_pipeline(StandardScaler(), model)


# --- estimators on one matrix --------------------------------------------------------------------

CLASSIFIERS = {
    "logistic regression": LogisticRegression(max_iter=50, tol=1e-2),
    "random forest": RandomForestClassifier(20, random_state=0),
    "extra trees": ExtraTreesClassifier(20, random_state=0),
    "decision tree": DecisionTreeClassifier(random_state=0),
    "gradient boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
    "support vectors": on_scaled(SVC()),
    "linear support vectors": on_scaled(LinearSVC(random_state=0)),
    "ridge classifier": RidgeClassifier(),
    "hinge loss": on_scaled(SGDClassifier(random_state=0)),
    "neighbors": KNeighborsClassifier(),
    "naive Bayes": GaussianNB(),
    "perceptron of two layers": on_scaled(MLPClassifier((8,), max_iter=400, random_state=0)),
    "forest on scaled features": on_scaled(RandomForestClassifier(20, random_state=0)),
    "imputed, scaled, reduced": make_pipeline(SimpleImputer(), StandardScaler(), PCA(3), LogisticRegression()),
    "search": GridSearchCV(on_scaled(LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}, cv=2),
    "stack": StackingClassifier([("a", on_scaled(LogisticRegression())), ("b", GaussianNB())], cv=2),
    "step that passes through": make_pipeline("passthrough", GaussianNB()),
}
REGRESSORS = {
    "ridge": Ridge(),
    "random forest": RandomForestRegressor(20, random_state=0),
    "decision tree": DecisionTreeRegressor(random_state=0),
    "gradient boosting": GradientBoostingRegressor(n_estimators=5, random_state=0),
    "support vectors": on_scaled(SVR()),
}
OTHERS = {
    "scaler": StandardScaler(),
    "range scaler": MinMaxScaler(),
    "components": PCA(2),
    "union": make_union(StandardScaler(), PCA(2)),
    "k-means": KMeans(3, n_init=1, random_state=0),
    "isolation forest": IsolationForest(n_estimators=10, random_state=0),
    "one-class support vectors": on_scaled(OneClassSVM()),
    "local outlier factor": LocalOutlierFactor(novelty=True),
}
CASES = [
    *(pytest.param(model, X, Y, id=name) for name, model in CLASSIFIERS.items()),
    *(pytest.param(model, X, BINARY, id=f"{name}, two classes") for name, model in CLASSIFIERS.items()),
    *(pytest.param(model, DIABETES, PROGRESS, id=f"{name}, regression") for name, model in REGRESSORS.items()),
    *(pytest.param(model, X, None, id=name) for name, model in OTHERS.items()),
    pytest.param(LinearRegression(), DIABETES, np.stack([PROGRESS, -PROGRESS], axis=1), id="two targets"),
    pytest.param(MultiOutputClassifier(GaussianNB()), X, np.stack([Y, BINARY], axis=1), id="two labels"),
    pytest.param(RandomForestClassifier(20, random_state=0), X, TEXT_LABELS, id="text labels"),
    pytest.param(on_scaled(SVC(decision_function_shape="ovo")), X, Y, id="one against one"),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("model", "features", "target"), CASES)
def test_onnx_runtime_gives_what_the_estimator_predicts(plugin, model, features, target, dtype):
    model = copy.deepcopy(model).fit(features, target)
    chosen = options(plugin, f"X:{dtype}[N,{features.shape[1]}]")
    signature, session = exported(plugin, model, chosen)
    assert_agrees(plugin, model, signature, session, {"X": features.astype(dtype)}, chosen)
    for seed in range(2):
        inputs = plugin.call("samples", model=model, signature=signature, seed=seed)
        if inputs is not None:
            assert_agrees(plugin, model, signature, session, inputs, chosen)


def test_reference_is_the_estimators_own_prediction(plugin):
    model = LogisticRegression(max_iter=2000).fit(*load_iris(return_X_y=True))
    chosen = options(plugin)
    signature = plugin.call("signature", model=model, options=chosen)
    features = load_iris().data.astype("float32")
    found = plugin.call("run", model=model, signature=signature, inputs={"X": features}, options=chosen)
    np.testing.assert_array_equal(found["label"], model.predict(features))
    np.testing.assert_array_equal(found["probabilities"], model.predict_proba(features).astype("float32"))


def test_binary_decision_score_is_the_decision_function(plugin):
    model = SVC().fit(X, BINARY)
    chosen = options(plugin, "X:float64[N,13]")
    _, session = exported(plugin, model, chosen)
    _, scores = session.run(None, {"X": X})
    np.testing.assert_allclose(scores[:, 0], model.decision_function(X), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", FLOATS)
def test_rows_exactly_at_the_thresholds_of_a_tree_do_not_flip(plugin, dtype):
    model = DecisionTreeRegressor(random_state=0).fit(DIABETES, PROGRESS)
    chosen = options(plugin, f"X:{dtype}[N,10]")
    _, session = exported(plugin, model, chosen)
    inner = model.tree_.feature >= 0
    rows = np.repeat(DIABETES[:1], inner.sum(), axis=0)
    rows[np.arange(len(rows)), model.tree_.feature[inner]] = model.tree_.threshold[inner]
    for moved in (rows, np.nextafter(rows, -1), np.nextafter(rows, 1)):
        given = moved.astype(dtype)
        np.testing.assert_allclose(session.run(None, {"X": given})[0][:, 0], model.predict(given), rtol=1e-6)


@pytest.mark.parametrize("target", [BINARY, Y, TEXT_LABELS, TEXT_LABELS == "red"], ids=["two", "three", "text", "bool"])
def test_forest_settles_equal_votes_as_scikit_learn_does(plugin, target):
    model = RandomForestClassifier(20, random_state=0).fit(X, target)
    rows = np.random.default_rng(0).normal(X.mean(axis=0), 3 * X.std(axis=0), (5000, X.shape[1])).astype("float32")
    best = np.sort(model.predict_proba(rows), axis=1)[:, -2:]
    assert (best[:, 0] == best[:, 1]).sum() > 20
    _, session = exported(plugin, model, options(plugin))
    np.testing.assert_array_equal(session.run(["label"], {"X": rows})[0], model.predict(rows))


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor], ids=["classifier", "regressor"])
def test_missing_values_take_the_branch_that_the_forest_has_learnt(plugin, kind):
    missing = np.random.default_rng(0).random(X.shape) < 0.1
    rows = np.where(missing, np.nan, X).astype("float32")
    model = kind(20, random_state=0).fit(rows, Y)
    _, session = exported(plugin, model, options(plugin))
    np.testing.assert_allclose(np.ravel(session.run(None, {"X": rows})[0]), model.predict(rows), rtol=1e-6)


def test_isolation_forest_takes_missing_values(plugin):
    model = IsolationForest(n_estimators=10, random_state=0).fit(X)
    chosen = options(plugin)
    signature, session = exported(plugin, model, chosen)
    assert signature.inputs[0].nan
    inputs = plugin.call("samples", model=model, signature=signature, seed=0)
    assert np.isnan(inputs["X"]).any()
    assert_agrees(plugin, model, signature, session, inputs, chosen)


def test_conversion_leaves_the_estimator_as_it_was(plugin):
    model = on_scaled(RandomForestClassifier(3, random_state=0)).fit(X, Y)
    before = pickle.dumps(model)
    exported(plugin, model, options(plugin))
    assert pickle.dumps(model) == before


@pytest.mark.parametrize(("opset", "reached"), [(15, 15), (20, 20), (26, 22)])
def test_opset_is_the_one_asked_for_as_far_as_skl2onnx_reaches(plugin, opset, reached):
    model = StandardScaler().fit(X)
    chosen = options(plugin)
    signature = plugin.call("signature", model=model, options=chosen)
    proto = plugin.call("to_onnx", model=model, signature=signature, opset=opset, options=chosen)
    assert [entry.version for entry in proto.opset_import if entry.domain == ""] == [reached]


def test_zipmap_gives_one_map_for_each_row(plugin):
    model = GaussianNB().fit(X, TEXT_LABELS)
    chosen = options(plugin, values={"zipmap": True})
    signature, session = exported(plugin, model, chosen)
    assert signature.outputs[1].kind == "sequence_of_maps"
    inputs = {"X": X[:5].astype("float32")}
    expected = plugin.call("run", model=model, signature=signature, inputs=inputs, options=chosen)["probabilities"]
    for found, reference in zip(session.run(None, inputs)[1], expected, strict=True):
        assert found == pytest.approx(reference, rel=1e-3, abs=1e-5)


def test_outputs_can_be_chosen(plugin):
    model = GaussianNB().fit(X, Y)
    signature, session = exported(plugin, model, options(plugin, values={"outputs": "label"}))
    assert [spec.name for spec in signature.outputs] == ["label"]
    np.testing.assert_array_equal(session.run(None, {"X": X.astype("float32")})[0], model.predict(X))


def test_unknown_output_is_refused_with_those_there_are(plugin):
    with pytest.raises(errors.InvalidOption, match="label, probabilities"):
        plugin.call(
            "signature", model=GaussianNB().fit(X, Y), options=options(plugin, values={"outputs": "probability"})
        )


# --- columns -------------------------------------------------------------------------------------


def table(rows=200):
    generator = np.random.default_rng(0)
    words = ["good", "bad", "fine", "awful", "café", "über", "naïve", "a", "i", "x_1", "42", "the"]
    return pd.DataFrame(
        {
            "length (cm)": generator.normal(5, 1, rows),
            "age": generator.integers(1, 90, rows),
            "city": generator.choice(["Paris", "Rome", "Oslo"], rows),
            "label": generator.normal(0, 1, rows),
            "text": [" ".join(generator.choice(words, 6)) + ", ISN'T it?" for _ in range(rows)],
            "unused": "constant",
        }
    )


TABLE = table()
TABLE_TARGET = (TABLE["text"].str.contains("good") | (TABLE["age"] > 60)).astype(int).to_numpy()


def columns(**settings):
    return ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["length (cm)", "age"]),
            ("city", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("text", TfidfVectorizer(), "text"),
        ],
        **settings,
    )


def table_inputs(signature, frame=TABLE):
    return {
        spec.name: frame[[spec.name]].to_numpy().astype(object if spec.dtype == "string" else spec.dtype)
        for spec in signature.inputs
    }


@pytest.mark.parametrize("dtypes", [(), ("float64", "float64"), ("float64", "int64"), ("float32", "int64")])
@pytest.mark.parametrize(
    "last", [LogisticRegression(), RandomForestClassifier(20, random_state=0), None], ids=["linear", "forest", "alone"]
)
def test_text_and_numbers_agree_column_by_column(plugin, last, dtypes):
    model = (columns() if last is None else make_pipeline(columns(), last)).fit(TABLE, TABLE_TARGET)
    given = [f"{name}:{dtype}[N,1]" for name, dtype in zip(["length (cm)", "age"], dtypes, strict=False)]
    chosen = options(plugin, *given)
    signature, session = exported(plugin, model, chosen)
    assert_agrees(plugin, model, signature, session, table_inputs(signature), chosen)
    inputs = plugin.call("samples", model=model, signature=signature, seed=0)
    assert_agrees(plugin, model, signature, session, inputs, chosen)


def test_columns_are_the_inputs_and_dropped_ones_are_not(plugin):
    model = make_pipeline(columns(), LogisticRegression()).fit(TABLE, TABLE_TARGET)
    signature = plugin.call("signature", model=model, options=options(plugin))
    assert [str(spec) for spec in signature.inputs] == [
        "length (cm):float32[N,1]",
        "age:float32[N,1]",
        "city:string[N,1]",
        "text:string[N,1]",
    ]


def test_dtypes_of_the_columns_come_from_the_samples(plugin):
    model = make_pipeline(columns(), LogisticRegression()).fit(TABLE, TABLE_TARGET)
    samples = tuple(
        TensorSpec(name, dtype, ("N",))
        for name, dtype in {"length (cm)": "float64", "age": "int64", "city": "string", "text": "string"}.items()
    )
    signature = plugin.call("signature", model=model, options=options(plugin, samples=samples))
    assert [spec.dtype for spec in signature.inputs] == ["float64", "int64", "string", "string"]


@pytest.mark.parametrize(
    "steps",
    [
        [("a", StandardScaler(), [0, 3])],
        [("a", StandardScaler(), make_column_selector(dtype_include="number"))],
        [("a", StandardScaler(), slice("length (cm)", "age"))],
        [("a", make_pipeline(SimpleImputer(), StandardScaler()), [True, True, False, True, False, False])],
        [("a", OrdinalEncoder(), ["city"]), ("b", "passthrough", ["age", "label"])],
    ],
    ids=["positions", "selector", "slice", "mask", "passthrough"],
)
def test_every_way_to_select_columns_is_understood(plugin, steps):
    model = make_pipeline(ColumnTransformer(steps), LogisticRegression()).fit(TABLE, TABLE_TARGET)
    chosen = options(plugin)
    signature, session = exported(plugin, model, chosen)
    assert_agrees(plugin, model, signature, session, table_inputs(signature), chosen)


def test_output_gives_way_to_a_column_of_its_name(plugin):
    model = make_pipeline(ColumnTransformer([("a", "passthrough", ["label"])]), LogisticRegression())
    chosen = options(plugin)
    signature, session = exported(plugin, model.fit(TABLE, TABLE_TARGET), chosen)
    assert [spec.name for spec in signature.outputs] == ["output_label", "probabilities"]
    assert_agrees(plugin, model, signature, session, table_inputs(signature), chosen)


@pytest.mark.parametrize("vectorizer", [CountVectorizer(), TfidfVectorizer(lowercase=False)])
def test_text_vectorizer_alone_takes_one_column_of_texts(plugin, vectorizer):
    model = make_pipeline(vectorizer, LogisticRegression()).fit(TABLE["text"], TABLE_TARGET)
    chosen = options(plugin)
    signature, session = exported(plugin, model, chosen)
    assert str(signature.inputs[0]) == "X:string[N,1]"
    texts = np.array([["A café, über alles"], ["x"], ["good GOOD 42 a-b"]], dtype=object)
    assert_agrees(plugin, model, signature, session, {"X": texts}, chosen)


def test_estimator_fitted_on_a_frame_of_numbers_takes_one_matrix(plugin):
    frame = load_wine(as_frame=True).data
    model = on_scaled(RandomForestClassifier(5, random_state=0)).fit(frame, Y)
    chosen = options(plugin)
    signature, session = exported(plugin, model, chosen)
    assert str(signature.inputs[0]) == "X:float32[N,13]"
    assert_agrees(plugin, model, signature, session, {"X": X.astype("float32")}, chosen)


# --- signatures that do not fit ------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["X:float32[N,4]", "X:string[N,13]", "X:float16[N,13]", "X:float32[N]", "X:complex64[N,13]"]
)
def test_matrix_that_does_not_fit_is_refused(plugin, text):
    with pytest.raises(errors.InvalidSignature) as caught:
        plugin.call("signature", model=StandardScaler().fit(X), options=options(plugin, text))
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("aeg:float32[N,1]", "did you mean 'age'"),
        ("unused:string[N,1]", "not fitted on a column 'unused'"),
        ("age:string[N,1]", "cannot be string"),
        ("city:float32[N,1]", "cannot be float32"),
        ("age:float32[N,2]", "fitted on 1 columns"),
    ],
)
def test_column_that_does_not_fit_is_refused(plugin, text, message):
    model = columns().fit(TABLE)
    with pytest.raises(errors.InvalidSignature, match=message.replace("(", r"\(")):
        plugin.call("signature", model=model, options=options(plugin, text))


def test_two_inputs_for_one_matrix_are_refused(plugin):
    with pytest.raises(errors.InvalidSignature, match="one matrix"):
        plugin.call(
            "signature", model=StandardScaler().fit(X), options=options(plugin, "a:float32[N,6]", "b:float32[N,7]")
        )


def test_samples_are_the_same_for_the_same_seed(plugin):
    model = RandomForestClassifier(5, random_state=0).fit(X, Y)
    signature = plugin.call("signature", model=model, options=options(plugin))
    first, again, other = (plugin.call("samples", model=model, signature=signature, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first["X"], again["X"])
    assert not np.array_equal(first["X"], other["X"])


# --- what cannot be converted --------------------------------------------------------------------


class Doubling(TransformerMixin, BaseEstimator):
    def fit(self, features, y=None):
        self.fitted_ = True
        self.n_features_in_ = features.shape[1]
        return self

    def transform(self, features):
        return features * 2


def test_every_estimator_without_a_converter_is_named_with_its_step(plugin):
    model = make_pipeline(Doubling(), StandardScaler(), Doubling()).fit(X, Y)
    with pytest.raises(errors.UnsupportedOps) as caught:
        exported(plugin, model, options(plugin))
    assert len(caught.value.ops) == 2
    assert "Doubling (at doubling-1)" in caught.value.ops[0]
    assert "Doubling (at doubling-2)" in caught.value.ops[1]
    assert "update_registered_converter" in caught.value.remedy


def test_estimator_that_was_not_fitted_is_refused(plugin):
    with pytest.raises(errors.CannotConvert, match="has not been fitted"):
        plugin.call("signature", model=LogisticRegression(), options=options(plugin))


def test_conversion_warns_of_nothing(plugin):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exported(plugin, on_scaled(LogisticRegression()).fit(X, Y), options(plugin))
