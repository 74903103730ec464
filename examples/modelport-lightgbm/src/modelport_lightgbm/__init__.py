"""LightGBM for modelport: boosters and scikit-learn style estimators to ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport import Detection, Framework, Options, Signature, TensorSpec, hookimpl
from modelport.errors import CannotConvert, InvalidSignature, SourceUnreadable, inputs_refused

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

_MAGIC = b"tree\nversion="


@hookimpl
def framework() -> Framework:
    """Describe LightGBM."""
    return Framework(
        key="lightgbm",
        title="LightGBM",
        suffixes=(".txt",),
        requires=("lightgbm",),
        install="pip install modelport-lightgbm",
        modules=("lightgbm",),
        aliases=("lgbm",),
        distributions=("lightgbm",),
    )


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim text files that begin as LightGBM's do."""
    if source.is_dir():
        return None
    with source.open("rb") as stream:
        start = stream.read(len(_MAGIC) + 1).replace(b"\r", b"")
    return Detection(1.0, "a LightGBM model file") if start.startswith(_MAGIC) else None


@hookimpl
def load(source: Path, options: Options) -> Any:
    """Load a Booster from its text; raises SourceUnreadable."""
    import lightgbm

    text = source.read_text()
    # LightGBM 4.7 ends the whole process on most truncated texts, so the ends of both parts are looked for first
    whole = "\nend of trees" in text and ("\nend of parameters" in text or "\nparameters:" not in text)
    if not text.startswith(_MAGIC.decode()) or not whole:
        raise SourceUnreadable(
            "this is no complete LightGBM model", where=str(source), remedy="write it again with booster.save_model"
        )
    try:
        return lightgbm.Booster(model_str=text)
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise SourceUnreadable(
            f"LightGBM cannot read the model: {error}",
            where=str(source),
            remedy="write it again with booster.save_model",
        ) from error


@hookimpl
def signature(model: Any, options: Options) -> Signature:
    """One matrix ``X[N,k]``, float32 unless the user or the samples say float64."""
    width = booster(model).num_feature()
    dtype = "float64" if any(spec.dtype == "float64" for spec in options.samples) else "float32"
    matrix = TensorSpec("X", dtype, ("N", width))
    for wanted in options.inputs:
        matrix = _refined(matrix, wanted)
    if len(options.inputs) > 1:
        raise InvalidSignature("a LightGBM model takes one matrix", remedy=f"write --input '{matrix}'")
    return Signature((matrix,), outputs(model, matrix.dtype), dict(options.examples))


@hookimpl
def samples(model: Any, signature: Signature, seed: int) -> dict[str, NDArray[Any]]:
    """Rows at, beside and off the thresholds, with known and unknown categories and missing values."""
    from modelport_lightgbm import trees

    (matrix,) = signature.inputs
    return {matrix.name: trees.rows_around_splits(booster(model).dump_model(), seed).astype(matrix.dtype)}


@hookimpl
def to_onnx(model: Any, signature: Signature, opset: int, options: Options) -> onnx.ModelProto:
    """Translate into one TreeEnsemble node; raises CannotConvert for what has no form in ONNX."""
    from modelport_lightgbm import trees

    dump = booster(model).dump_model()
    if dump.get("pandas_categorical"):
        options.note("columns of pandas categories are fed as their integer codes")
    classes = list(model.classes_) if is_classifier(model) else None
    return trees.to_onnx(dump, signature, opset, classes)


@hookimpl
def contribute(to: str) -> None:
    """Register formulas for the estimators, so that scikit-learn's pipelines may hold them."""
    if to == "sklearn":
        from modelport_lightgbm import estimators

        estimators.register()


@hookimpl
def run(
    model: Any, signature: Signature, inputs: Mapping[str, NDArray[Any]], options: Options
) -> dict[str, NDArray[Any]]:
    """Predict with LightGBM itself."""
    import lightgbm
    import numpy as np

    (matrix,) = inputs.values()
    width = booster(model).num_model_per_iteration()
    with inputs_refused("LightGBM", (lightgbm.basic.LightGBMError, ValueError)):
        answer = booster(model).predict(matrix)
    values = np.asarray(answer).reshape(len(matrix), width)  # of no rows LightGBM gives a vector
    if not is_classifier(model):
        return {"prediction": values.astype(signature.outputs[0].dtype)}
    probabilities = np.concatenate([1 - values, values], axis=1) if width == 1 else values
    label = np.asarray(model.classes_)[probabilities.argmax(axis=1)]
    return {
        "label": label.astype(object if label.dtype.kind in "OU" else np.int64),
        "probabilities": probabilities.astype(matrix.dtype),
    }


def booster(model: Any) -> Any:
    """Return the Booster inside an estimator; raises CannotConvert for an estimator that has not been fitted."""
    import lightgbm

    if isinstance(model, lightgbm.Booster):
        return model
    if not isinstance(model, lightgbm.LGBMModel):
        raise CannotConvert(
            f"a {type(model).__qualname__} is no LightGBM model",
            remedy="pass a Booster, an LGBMClassifier or an LGBMRegressor",
        )
    if not model.__sklearn_is_fitted__():
        raise CannotConvert(f"the {type(model).__name__} has not been fitted", remedy="call fit(X, y) first")
    return model.booster_


def is_classifier(model: Any) -> bool:
    """Whether the model is an estimator that gives labels."""
    return hasattr(model, "classes_")


def outputs(model: Any, dtype: str) -> tuple[TensorSpec, ...]:
    """Return `label` and `probabilities` of a classifier, `prediction` of all else."""
    if not is_classifier(model):
        return (TensorSpec("prediction", dtype, ("N", booster(model).num_model_per_iteration())),)
    text = model.classes_.dtype.kind in "OU"
    label = TensorSpec("label", "string" if text else "int64", ("N",))
    return label, TensorSpec("probabilities", dtype, ("N", len(model.classes_)))


def _refined(own: TensorSpec, wanted: TensorSpec) -> TensorSpec:
    assert own.shape is not None
    dtype = wanted.dtype or own.dtype
    shape = wanted.shape if wanted.shape is not None else own.shape
    if dtype not in ("float32", "float64") or len(shape) != 2 or shape[1] != own.shape[1]:
        raise InvalidSignature(
            f"the model takes float32 or float64 rows of {own.shape[1]} features",
            where=f"--input '{wanted}'",
            remedy=f"write '{own}'",
        )
    return TensorSpec(wanted.name, dtype, shape)
