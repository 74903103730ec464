"""FrozenEstimator."""

from __future__ import annotations

from operator import attrgetter

from sklearn import frozen

from modelport_converters.sklearn_to_onnx.dispatch import delegate
from modelport_converters.sklearn_to_onnx.methods import METHODS

for _method in METHODS:
    delegate(_method, frozen.FrozenEstimator, to=attrgetter("estimator"))
