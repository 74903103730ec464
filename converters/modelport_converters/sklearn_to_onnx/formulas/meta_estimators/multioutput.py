"""Multi-output estimators, and chains of classifiers and regressors."""

from __future__ import annotations

from typing import Any

from sklearn import multioutput

from modelport_converters.onnx_builder import functions as fn
from modelport_converters.onnx_builder.graph import Value
from modelport_converters.sklearn_to_onnx.columns import Features
from modelport_converters.sklearn_to_onnx.dispatch import call
from modelport_converters.sklearn_to_onnx.registry import decision_function, predict, predict_proba
from modelport_converters.sklearn_to_onnx.responses import response


@predict(multioutput.MultiOutputClassifier, multioutput.MultiOutputRegressor, columns=True)
def each(model: Any, x: Features) -> Value:
    """What each estimator predicts, a column for each target; texts all, where one target is text."""
    answers = [fn.ravel(call(one, "predict", x)) for one in model.estimators_]
    texts = any(answer.dtype.kind == "O" for answer in answers)
    return fn.stack([answer.cast(object) if texts else answer for answer in answers], 1)


@predict_proba(multioutput.MultiOutputClassifier, columns=True)
def probabilities_of_each(model: Any, x: Features) -> list[Value]:
    """A list of the probabilities of each target."""
    return [call(one, "predict_proba", x) for one in model.estimators_]


@predict(multioutput.ClassifierChain, multioutput.RegressorChain)
def chained(model: Any, x: Value) -> Value:
    """What each estimator predicts from the features and what those before it gave."""
    return _along_chain(model, x, "predict")


@predict_proba(multioutput.ClassifierChain)
def chained_probabilities(model: Any, x: Value) -> Value:
    """The probability of each label."""
    return _along_chain(model, x, "predict_proba")


@decision_function(multioutput.ClassifierChain)
def chained_scores(model: Any, x: Value) -> Value:
    """The score of each label."""
    return _along_chain(model, x, "decision_function")


def _along_chain(model: Any, x: Value, method: str) -> Value:
    """Ask each estimator in turn; its features, float64 as scikit-learn puts them together, grow by a column a step."""
    handed_on = getattr(model, "chain_method_", "predict")
    features = x.cast("float64")
    answers: dict[int, Value] = {}
    for target, estimator in zip(model.order_, model.estimators_, strict=True):
        answers[int(target)] = fn.ravel(response(estimator, features, [method]))
        if len(answers) < len(model.estimators_):
            grown = fn.as_columns(fn.ravel(response(estimator, features, [handed_on])))
            features = fn.concatenate([features, grown.cast("float64")], 1)
    return fn.stack([answers[target] for target in sorted(answers)], 1)
