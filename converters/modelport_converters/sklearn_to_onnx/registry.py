"""The registry of formulas: a function that writes a method of an estimator's class as ONNX.

    @transform(decomposition.PCA)
    def principal_components(model, x):
        return (x - model.mean_) @ model.components_.T

A formula takes the fitted estimator and its features, and returns what the method returns. It serves subclasses too, as long
as they inherit the method.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

Formula = Callable[..., Any]
_F = TypeVar("_F", bound=Formula)

_FORMULAS: dict[tuple[type, str], Formula] = {}
_BY_COLUMN: set[Formula] = set()


class Refusal(Exception):
    """What an estimator does and ONNX cannot express, or no formula does yet.

    Args:
        model: the estimator.
        reason: what cannot be, naming the parameter.
        remedy: what to choose instead.
    """

    def __init__(self, model: Any, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.model = model
        self.reason = reason
        self.remedy = remedy


def refuse(model: Any, reason: str, remedy: str) -> NoReturn:
    """Say that this estimator, as it is set, has no form in ONNX; raises Refusal."""
    raise Refusal(model, reason, remedy)


def formula(method: str, *classes: type, columns: bool = False) -> Callable[[_F], _F]:
    """Register the decorated function as the formula of a method of these classes.

    Args:
        method: one of `methods.METHODS`.
        classes: of scikit-learn.
        columns: whether the formula takes `Columns`, each with its own dtype, where a table is given; otherwise it is given
            one matrix.
    """

    def register(function: _F) -> _F:
        for kind in classes:
            _FORMULAS[kind, method] = function
        if columns:
            _BY_COLUMN.add(function)
        return function

    return register


predict = partial(formula, "predict")
predict_proba = partial(formula, "predict_proba")
decision_function = partial(formula, "decision_function")
transform = partial(formula, "transform")
score_samples = partial(formula, "score_samples")


def find(kind: type, method: str) -> Formula | None:
    """Return the formula for a method of a class; of a base class when the method is inherited from it."""
    own = inspect.getattr_static(kind, method, None)
    for base in kind.__mro__:
        found = _FORMULAS.get((base, method))
        if found and inspect.getattr_static(base, method, None) is own:
            return found
    return None


def takes_columns(function: Formula) -> bool:
    """Whether the formula takes a table as it is."""
    return function in _BY_COLUMN


def classes() -> set[type]:
    """Return the classes with a formula of their own."""
    return {kind for kind, _ in _FORMULAS}
