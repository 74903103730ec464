"""Operators of ai.onnx.ml in TensorFlow against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper
from tf_models import assert_same, by_onnxruntime, by_reference, translated

from modelport_converters.onnx_graph.prepare import unsupported
from modelport_converters.onnx_to_tensorflow.ops import registry

pytestmark = pytest.mark.xdist_group("tensorflow")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(700, 4)).astype(np.float32)
ML = "ai.onnx.ml"
TWO, THREE = {"classlabels_ints": [5, 7]}, {"classlabels_strings": ["a", "b", "c"]}


def model_of(name: str, inputs: list[Any], outputs: int = 1, *, version: int = 3, **attributes: Any) -> onnx.ModelProto:
    """Return a model of one node, whose inputs have any number of rows."""
    given = {f"i{at}": np.asarray(value) for at, value in enumerate(inputs)}
    node = helper.make_node(name, list(given), [f"o{at}" for at in range(outputs)], domain=ML, **attributes)
    kinds = {key: helper.np_dtype_to_tensor_dtype(value.dtype) for key, value in given.items()}
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info(key, kinds[key], ["N", *value.shape[1:]]) for key, value in given.items()],
        [helper.make_empty_tensor_value_info(f"o{at}") for at in range(outputs)],
    )
    imports = [helper.make_opsetid("", 21), helper.make_opsetid(ML, version)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def check(
    name: str, *inputs: Any, outputs: int = 1, saved: bool = False, atol: float = 1e-5, **attributes: Any
) -> None:
    """Compare one node with ONNX Runtime."""
    model = model_of(name, list(inputs), outputs, **attributes)
    feeds = {f"i{at}": np.asarray(value) for at, value in enumerate(inputs)}
    expected = by_onnxruntime(model, feeds)
    texts = {key: encoded(value) for key, value in expected.items() if value.dtype == object}
    assert_same(translated(model, feeds, saved=saved), expected | texts, atol=atol)


def encoded(texts: Any) -> Any:
    """Return strings as TensorFlow gives them."""
    return np.array([text.encode() for text in texts.ravel()], object).reshape(texts.shape)


def forest(
    kind: str, *, classes: int, trees: int = 5, seed: int = 0, mixed: bool = True, **attributes: Any
) -> dict[str, Any]:
    """Return the attributes of a random ensemble of complete trees of depth 3 over four features."""
    rng = np.random.default_rng(seed)
    inner, leaves = 7, 8
    count = trees * (inner + leaves)
    modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"]
    places = np.tile(np.arange(inner + leaves), trees)
    split = places < inner
    chosen = rng.integers(0, 4, count)
    votes = np.repeat(np.arange(trees), leaves)
    return {
        "nodes_treeids": np.repeat(np.arange(trees), inner + leaves).tolist(),
        "nodes_nodeids": places.tolist(),
        "nodes_featureids": rng.integers(0, 4, count).tolist(),
        "nodes_modes": [modes[mode] if own else "LEAF" for mode, own in zip(chosen, split, strict=True)],
        "nodes_values": rng.normal(size=count).astype(np.float32).tolist(),
        "nodes_truenodeids": np.where(split, 2 * places + 1, 0).tolist(),
        "nodes_falsenodeids": np.where(split, 2 * places + 2, 0).tolist(),
        "nodes_missing_value_tracks_true": rng.integers(0, 2, count).tolist(),
        f"{kind}_treeids": votes.tolist(),
        f"{kind}_nodeids": np.tile(np.arange(inner, inner + leaves), trees).tolist(),
        f"{kind}_ids": rng.integers(0, classes, len(votes)).tolist(),
        f"{kind}_weights": rng.uniform(-1 if mixed else 0, 1 / trees, len(votes)).astype(np.float32).tolist(),
        **attributes,
    }


WITH_NAN = np.where(RANDOM.random(X.shape) < 0.2, np.float32("nan"), X)


@pytest.mark.parametrize("rows", [0, 1, 513])
def test_a_forest_takes_any_number_of_rows_after_it_is_saved(rows: int) -> None:
    check("TreeEnsembleRegressor", WITH_NAN[:rows], saved=True, **forest("target", classes=2, n_targets=2))


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
def test_leaves_are_aggregated_and_base_values_added(aggregate: str) -> None:
    attributes = forest("target", classes=3, trees=40, n_targets=3, aggregate_function=aggregate)
    check("TreeEnsembleRegressor", WITH_NAN, base_values=[0.5, 1.0, -1.0], **attributes)


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"])
def test_scores_of_three_classes_are_transformed(transform: str) -> None:
    attributes = forest(
        "class", classes=3, trees=20, mixed=False, post_transform=transform, classlabels_strings=["a", "b", "c"]
    )
    if transform == "PROBIT":
        attributes["class_weights"] = [weight / 2 for weight in attributes["class_weights"]]
    check("TreeEnsembleClassifier", X[:100], outputs=2, atol=1e-4, **attributes)


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC"])
def test_one_score_decides_between_two_classes(column: int, mixed: bool, transform: str) -> None:
    attributes = forest("class", classes=1, mixed=mixed, classlabels_int64s=[5, 7], post_transform=transform)
    attributes["class_ids"] = [column] * len(attributes["class_ids"])
    check("TreeEnsembleClassifier", X, outputs=2, **attributes)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.int32])
def test_a_forest_takes_other_types(dtype: Any) -> None:
    attributes = forest("class", classes=3, trees=20, mixed=False, classlabels_int64s=[5, 7, 9])
    check("TreeEnsembleClassifier", (3 * X).astype(dtype), outputs=2, **attributes)


def test_thresholds_and_weights_of_float64_are_not_rounded() -> None:
    attributes = forest("target", classes=1, n_targets=1)
    values = RANDOM.normal(size=len(attributes.pop("nodes_values")))
    weights = RANDOM.normal(size=len(attributes.pop("target_weights")))
    tensors = {
        "nodes_values_as_tensor": onnx.numpy_helper.from_array(values),
        "target_weights_as_tensor": onnx.numpy_helper.from_array(weights),
    }
    x = RANDOM.choice(values, (300, 4)) + RANDOM.choice([-1e-12, 0, 1e-12], (300, 4))
    check("TreeEnsembleRegressor", x, **attributes, **tensors)


def test_a_row_with_too_few_columns_is_no_silent_matter() -> None:
    model = model_of("TreeEnsembleRegressor", [X], **forest("target", classes=1, n_targets=1))
    with pytest.raises(Exception, match=r"(?i)shape"):
        translated(model, {"i0": X[:, :2]})


def ensemble(mode: int, *, aggregate: int = 1, dtype: Any = np.float32) -> onnx.ModelProto:
    """Return a TreeEnsemble of one test, on feature 1, in each of two trees."""
    tensor = onnx.numpy_helper.from_array
    return model_of(
        "TreeEnsemble", [X.astype(dtype)], version=5, n_targets=2, aggregate_function=aggregate, tree_roots=[0, 1],
        nodes_modes=tensor(np.array([mode, 0], np.uint8)), nodes_splits=tensor(np.array([1.0, 0.25], dtype)),
        nodes_featureids=[1, 0], nodes_truenodeids=[0, 2], nodes_falsenodeids=[1, 3], nodes_trueleafs=[1, 1],
        nodes_falseleafs=[1, 1], nodes_missing_value_tracks_true=[1, 0], leaf_targetids=[0, 1, 1, 0],
        leaf_weights=tensor(np.array([1.0, 2.0, -4.0, 8.0], dtype)),
        **({"membership_values": tensor(np.array([2.0, 1.0, np.nan], dtype))} if mode == 6 else {}),
    )  # fmt: skip


@pytest.mark.parametrize(("mode", "dtype"), [*((mode, np.float32) for mode in range(7)), (6, np.float64)])
def test_every_mode_of_a_tree_ensemble_decides_as_onnx_says(mode: int, dtype: Any) -> None:
    x = np.array([[a, b, 0, 0] for a in (0.0, 0.25, np.nan) for b in (0.5, 1.0, 2.0, np.nan)], dtype)
    model = ensemble(mode, dtype=dtype)
    assert_same(translated(model, {"i0": x}, saved=True), by_reference(model, {"i0": x}))


@pytest.mark.parametrize(
    ("targets", "aggregate"),
    [([0, 0, 1, 1], 1), ([1, 1, 0, 0], 1), ([1, 1, 0, 0], 0), ([0, 1, 1, 1], 1), ([1, 1, 1, 1], 3)],
)
def test_each_tree_may_have_a_target_of_its_own(targets: list[int], aggregate: int) -> None:
    model = ensemble(0, aggregate=aggregate)
    attribute = next(one for one in model.graph.node[0].attribute if one.name == "leaf_targetids")
    attribute.ints[:] = targets
    assert_same(translated(model, {"i0": X}, saved=True), by_onnxruntime(model, {"i0": X}))


MACHINE = {
    "support_vectors": RANDOM.normal(size=36).tolist(),
    "rho": [0.1, -0.2, 0.3],
    "coefficients": RANDOM.normal(size=18).tolist(),
    "vectors_per_class": [4, 3, 2],
}
PROBABILITIES = {"prob_a": [-1.0, -2.0, -1.5], "prob_b": [0.1, 0.0, -0.1]}
KERNELS = {"LINEAR": [0.0, 0.0, 0.0], "POLY": [0.5, 1.0, 3.0], "RBF": [0.25, 0.0, 0.0], "SIGMOID": [0.1, 0.5, 0.0]}


@pytest.mark.parametrize(
    ("kernel", "probabilities"),
    [*((kernel, {}) for kernel in KERNELS), ("RBF", PROBABILITIES), ("POLY", PROBABILITIES)],
)
def test_a_support_vector_classifier_of_three_classes(kernel: str, probabilities: dict[str, Any]) -> None:
    attributes = {**MACHINE, **THREE, **probabilities, "kernel_type": kernel, "kernel_params": KERNELS[kernel]}
    check("SVMClassifier", X, outputs=2, atol=1e-3, **attributes)


@pytest.mark.parametrize("probabilities", [{}, {"prob_a": [-1.5], "prob_b": [0.1]}], ids=["votes", "probabilities"])
@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC"])
def test_a_support_vector_classifier_of_two_classes(probabilities: dict[str, Any], transform: str) -> None:
    attributes = {
        **MACHINE,
        **TWO,
        "vectors_per_class": [5, 4],
        "coefficients": MACHINE["coefficients"][:9],
        "rho": [0.1],
    }
    attributes |= {"kernel_type": "RBF", "kernel_params": KERNELS["RBF"]}
    check("SVMClassifier", X, outputs=2, atol=1e-4, post_transform=transform, **attributes, **probabilities)


@pytest.mark.parametrize("one_class", [0, 1])
@pytest.mark.parametrize("supports", [9, 0])
def test_a_support_vector_regressor(one_class: int, supports: int) -> None:
    size = supports or 4
    check(
        "SVMRegressor", X, n_supports=supports, one_class=one_class, kernel_type="RBF" if supports else "LINEAR",
        kernel_params=[0.25, 0.0, 0.0], coefficients=MACHINE["coefficients"][:size], rho=[0.1],
        **({"support_vectors": MACHINE["support_vectors"]} if supports else {}),
    )  # fmt: skip


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC"])
@pytest.mark.parametrize(("count", "labels"), [(3, THREE), (2, TWO), (1, TWO)])
def test_a_linear_classifier(transform: str, count: int, labels: dict[str, Any]) -> None:
    coefficients = MACHINE["coefficients"][: 4 * count]
    check(
        "LinearClassifier", X, outputs=2, coefficients=coefficients, intercepts=[0.1, -0.2, 0.3][:count],
        post_transform=transform, multi_class=int(count > 2), **labels,
    )  # fmt: skip


TEXTS = np.array([["b", "ä", "zz"], ["a", "", "b"]], object)
ENCODED = [
    pytest.param(TEXTS, {"keys_strings": ["a", "b", "ä"], "values_int64s": [3, 5, 9]}, id="strings to integers"),
    pytest.param(TEXTS, {"keys_strings": ["a", "b"], "values_strings": ["x", "y"], "default_string": "ö"}, id="strings"),
    pytest.param(
        np.array([1, 2, -7, 2**40]), {"keys_int64s": [2**40, 1], "values_strings": ["x", "y"]}, id="integers to strings"
    ),
    pytest.param(
        np.array([1.5, np.nan, 0.0], np.float32),
        {"keys_floats": [np.nan, 1.5], "values_floats": [2.0, 3.0], "default_float": 7.0, "version": 4},
        id="NaN as a key",
    ),
    pytest.param(np.array([[1, 2], [3, 4]]), {"keys_int64s": [4, 2], "values_int64s": [1, 2]}, id="integers"),
]  # fmt: skip


@pytest.mark.parametrize(("x", "attributes"), ENCODED)
def test_labels_are_encoded_and_unknown_ones_get_the_default(x: Any, attributes: dict[str, Any]) -> None:
    check("LabelEncoder", x, saved=True, **attributes)


@pytest.mark.parametrize(
    "x", [np.array(["cat", "dog", "cow"], object), np.array([0, 1, 2, -1])], ids=["strings", "integers"]
)
def test_the_first_version_of_the_label_encoder_counts_places(x: Any) -> None:
    check("LabelEncoder", x, version=1, classes_strings=["dog", "cat"], default_string="?", default_int64=-3)


@pytest.mark.parametrize("x", [TEXTS, np.array([[7, 8, 9]])], ids=["strings", "integers"])
def test_categories_are_mapped(x: Any) -> None:
    check("CategoryMapper", x, version=1, cats_int64s=[7, 9], cats_strings=["a", "b"], default_int64=-5)


@pytest.mark.parametrize("x", [TEXTS, np.array([[7, 8, 9]]), np.array([7.9, 8.0], np.float32)], ids=["s", "i", "f"])
def test_categories_are_encoded_as_ones_among_zeros(x: Any) -> None:
    check("OneHotEncoder", x, **({"cats_strings": ["a", "b"]} if x.dtype == object else {"cats_int64s": [9, 7]}))


def test_a_category_that_must_be_known_and_is_not_stops_the_model() -> None:
    model = model_of("OneHotEncoder", [np.array([1, 2])], cats_int64s=[1], zeros=0)
    with pytest.raises(Exception, match="not known"):
        translated(model, {"i0": np.array([1, 2])}, saved=True)


IMPUTED = [
    pytest.param(WITH_NAN, {"imputed_value_floats": [1.0, 2.0, 3.0, 4.0], "replaced_value_float": np.nan}, id="NaN"),
    pytest.param(np.round(X), {"imputed_value_floats": [9.0]}, id="one value for all"),
    pytest.param(
        np.array([[1, 2], [3, 1]]), {"imputed_value_int64s": [7, 8], "replaced_value_int64": 1}, id="integers"
    ),
]


@pytest.mark.parametrize(("x", "attributes"), IMPUTED)
def test_missing_values_are_imputed(x: Any, attributes: dict[str, Any]) -> None:
    check("Imputer", x, **attributes)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_rows_are_normalised(norm: str) -> None:
    check("Normalizer", np.concatenate([np.abs(X), np.zeros((1, 4), np.float32)]), norm=norm)


def test_features_of_several_types_stand_side_by_side() -> None:
    check("FeatureVectorizer", X, X[:, :2], inputdimensions=[4, 2])


def test_scaling_and_binarising() -> None:
    check("Scaler", X, offset=[0.5, 1, 2, 3], scale=[2, 3, 4, 0.5])
    check("Binarizer", X, threshold=0.25)
    check("ArrayFeatureExtractor", X, np.array([3, 0]))


def test_maps_are_refused_with_the_reason() -> None:
    model = model_of("ZipMap", [X], classlabels_int64s=[1, 2, 3, 4])
    (reason,) = unsupported(ir.from_proto(model), registry())
    assert "maps" in reason
