"""The scikit-learn plugin: fitted estimators and pipelines to ONNX, on skl2onnx."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport import Detection, Framework, Option, Options, Signature, TensorSpec, hookimpl
from modelport.errors import InvalidOption
from modelport_plugins.sklearn import files, inputs, outputs, sampling, tables

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray


USUAL, ALL = "usual", "all"


@hookimpl
def framework() -> Framework:
    """Describe scikit-learn."""
    return Framework(
        key="sklearn",
        title="scikit-learn",
        suffixes=(".skops", ".joblib", ".pkl", ".pickle"),
        requires=("sklearn", "skl2onnx", "skops", "joblib", "pandas"),
        install="pip install 'modelport[sklearn]'",
        modules=("sklearn",),
        aliases=("scikit-learn",),
        distributions=("scikit-learn", "skl2onnx", "skops"),
        options=(
            Option("zipmap", "bool", False, "Give probabilities as one map from label to probability for each row."),
            Option(
                "outputs",
                "str",
                USUAL,
                "The outputs by name with commas between (label,probabilities), 'all' for every method, or 'usual': what "
                "an estimator of its kind is asked for.",
            ),
        ),
    )


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim skops archives by their listing, and pickles by their first bytes and their suffix."""
    return files.detect(source)


@hookimpl
def load(source: Path, options: Options) -> Any:
    """Load a fitted estimator; raises UnsafeSource, SourceUnreadable, BadInput (not fitted)."""
    return files.load(source, options.trust, options.trust_types)


@hookimpl
def signature(model: Any, options: Options) -> Signature:
    """One matrix ``X[N,k]``, or a column ``name[N,1]`` for each column that a ColumnTransformer was fitted on."""
    files.check_fitted(model, where=None)
    found = inputs.of(model, options.inputs, options.samples)
    every = outputs.every(model, found, zipmap=options["zipmap"])
    return Signature(found, _selected(model, every, options["outputs"]), dict(options.examples))


@hookimpl
def samples(model: Any, signature: Signature, seed: int) -> dict[str, NDArray[Any]] | None:
    """Rows around what the estimator has learnt: thresholds, categories, words, support vectors, centres."""
    return sampling.rows(model, signature, seed)


@hookimpl
def to_onnx(model: Any, signature: Signature, opset: int, options: Options) -> onnx.ModelProto:
    """Translate by formulas and skl2onnx; raises UnsupportedOps for estimators without either, CannotConvert."""
    from modelport_converters import sklearn_to_onnx

    by_method = {outputs.method_of(model, spec): spec for spec in signature.outputs}
    table = tables.table_of(model, signature.inputs)
    return sklearn_to_onnx.convert(model, signature.inputs, by_method, opset, table=table)


@hookimpl
def stateless(model: Any) -> bool:
    """Say whether everything that the estimator consists of comes from scikit-learn, whose predictions keep nothing."""
    from modelport_plugins.sklearn.traversal import held

    roots = {getattr(part, "__module__", type(part).__module__).partition(".")[0] for part in held(model)}
    return roots <= {"sklearn", "numpy", "scipy", "builtins"}


@hookimpl
def run(
    model: Any, signature: Signature, inputs: dict[str, NDArray[np.generic]], options: Options
) -> dict[str, NDArray[Any] | list[Any]]:
    """Call the estimator's own predict, predict_proba, decision_function and transform."""
    return outputs.predict(model, signature, inputs)


def _selected(model: Any, every: tuple[TensorSpec, ...], wanted: str) -> tuple[TensorSpec, ...]:
    """Apply ``-O outputs=...``; raises InvalidOption for a name that the estimator does not give."""
    if wanted == USUAL:
        return outputs.usual(model, every)
    if wanted == ALL:
        return every
    names = [name.strip() for name in wanted.split(",")]
    known = [spec.name for spec in every]
    for name in names:
        if name not in known:
            raise InvalidOption(
                f"this estimator has no output {name!r}",
                where=f"-O outputs={wanted}",
                remedy=f"it has {', '.join(known)}",
            )
    return tuple(spec for spec in every if spec.name in names)
