"""Estimators of scikit-learn fitted on data that they accept, and the proof of every method of theirs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_clusterer, is_regressor
from sklearn.datasets import load_digits, load_iris
from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances

import modelport
from modelport_converters.sklearn_to_onnx import METHODS

FLOATS = ("float32", "float64")
TOLERANCE = {"float32": (1e-3, 1e-5), "float64": (1e-7, 1e-9)}
"""rtol and atol; in float64 the result must be of double precision throughout."""


@dataclass
class Case:
    """An estimator to fit, and what to fit it on.

    Args:
        name: of the class, with the option that differs from the default.
        make: returns the estimator, not fitted.
        data: returns features, target (or None) and held-out features; the default suits the estimator's tags.
    """

    name: str
    make: Callable[[], Any]
    data: Callable[[Any], tuple[Any, Any, Any]] = field(default=lambda estimator: suited(estimator))

    def fitted(self) -> tuple[Any, Any]:
        """Return the fitted estimator and held-out rows."""
        estimator = self.make()
        features, target, held_out = self.data(estimator)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few rounds of training are enough here
            estimator.fit(features) if target is None else estimator.fit(features, target)
        return estimator, held_out


def defaults() -> Iterator[Case]:
    """Yield every estimator of the installed version in the configuration that scikit-learn's own tests use first."""
    for name, kind in all_estimators():
        made = next(iter(_constructed(kind)), None)
        if made is not None:
            yield Case(name, _maker(kind))


def _constructed(kind: type) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield from _construct_instances(kind)
        except Exception:  # an estimator that scikit-learn itself does not construct (skipped there too)
            return


def _maker(kind: type) -> Callable[[], Any]:
    def make() -> Any:
        estimator = next(_constructed(kind))
        drawing = [name for name in estimator.get_params() if name.split("__")[-1] == "random_state"]
        return estimator.set_params(**dict.fromkeys(drawing, 0))

    return make


def answers(estimator: Any) -> list[str]:
    """Return the methods of inference that a fitted estimator has."""
    return [method for method in METHODS if hasattr(estimator, method)]


def prove(estimator: Any, held_out: Any, dtype: str) -> modelport.Conversion:
    """Convert all methods of a fitted estimator, and prove them on held-out rows and on the plugin's own; returns the result.

    The plugin's own rows lie near what the estimator has learnt: thresholds, centres, support vectors.
    """
    rtol, atol = TOLERANCE[dtype]
    samples = {"X": np.asarray(held_out, dtype)} if isinstance(held_out, np.ndarray) else held_out
    for chosen in (samples, None):
        conversion = modelport.convert(
            estimator,
            from_="sklearn",
            to="onnx",
            samples=chosen,
            options={"outputs": "all"},
            inputs=_typed_inputs(chosen, held_out, dtype),
            rtol=rtol,
            atol=atol,
            proof_seconds=0,
        )
        assert conversion.report.verdict == "proven"
    return conversion


def _typed_inputs(samples: Any, held_out: Any, dtype: str) -> list[str]:
    """Say the dtype where no samples do."""
    if samples is not None or not isinstance(held_out, np.ndarray):
        return []
    return [f"X:{dtype}[N,{held_out.shape[1] if held_out.ndim > 1 else 1}]"]


# --- data --------------------------------------------------------------------------------------------------------------

IRIS, SPECIES = load_iris(return_X_y=True)
_ORDER = np.random.default_rng(0).permutation(len(IRIS))


def suited(estimator: BaseEstimator) -> tuple[Any, Any, Any]:
    """Return the iris, in the form that an estimator's tags ask for: features, target, held-out features."""
    tags = get_tags(estimator)
    features, target = IRIS[_ORDER].copy(), SPECIES[_ORDER]
    if tags.input_tags.categorical:
        features = np.round(features)
    if tags.classifier_tags is not None and not tags.classifier_tags.multi_class:
        target = (target == 1).astype(int)
    if is_regressor(estimator):
        target = features[:, 3] * 2.0 + features[:, 0] + 1.0
        features = features[:, :3]
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        columns = np.column_stack([target, target[::-1]])
        target = columns if is_regressor(estimator) else (columns == 1).astype(int)
    if not tags.target_tags.required and is_clusterer(estimator):
        target = None
    if tags.input_tags.one_d_array:
        features = features[:, 0]
    if tags.input_tags.pairwise:
        return features[:100] @ features[:100].T, target[:100], features[100:] @ features[:100].T
    return features[:100], None if target is None else target[:100], features[100:]


def digits() -> tuple[Any, Any, Any]:
    """Return digits of 8 x 8 points: 64 features, ten classes."""
    features, target = load_digits(return_X_y=True)
    return features[:600], target[:600], features[600:700]
