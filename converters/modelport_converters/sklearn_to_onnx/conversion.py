"""Calling skl2onnx, with what it gets wrong mended for the one call: nothing is registered globally."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import onnx
import skl2onnx
from skl2onnx._parse import _parse_sklearn, sklearn_parsers_map
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common._registration import _converter_pool
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int32TensorType,
    Int64TensorType,
    StringTensorType,
)
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from modelport.errors import CannotConvert, UnsupportedOps
from modelport_converters.sklearn_to_onnx.graph import name_inputs
from modelport_converters.sklearn_to_onnx.mends import CONVERTERS

_TYPES = {
    "float32": FloatTensorType,
    "float64": DoubleTensorType,
    "int64": Int64TensorType,
    "int32": Int32TensorType,
    "bool": BooleanTensorType,
    "string": StringTensorType,
}
_ML_OPSET = 3
"""The ai.onnx.ml version asked for: several of skl2onnx's converters know no newer one."""

_REGISTER = (
    "register a converter with skl2onnx.update_registered_converter(YourClass, alias, shape_fct, convert_fct) before "
    "converting, or replace the step by one that skl2onnx.supported_converters() lists"
)

Parser = Callable[..., Any]


def convert(
    estimator: Any, inputs: Sequence[tuple[str, str, int]], opset: int, *, zipmap: bool = False
) -> onnx.ModelProto:
    """Convert a fitted estimator.

    Args:
        estimator: left as it is.
        inputs: name, dtype and number of columns of each input.
        opset: of the default domain; lowered to the newest that skl2onnx knows.
        zipmap: whether a classifier's probabilities are maps.

    Raises:
        UnsupportedOps: for estimators without a converter, each with its place in the pipeline.
        CannotConvert: for anything else that skl2onnx refuses.
    """
    target = {"": min(opset, skl2onnx.__max_supported_opset__), "ai.onnx.ml": _ML_OPSET}
    types = [(name, _TYPES[dtype]([None, width])) for name, dtype, width in inputs]
    try:
        with warnings.catch_warnings():
            # skl2onnx reads what scikit-learn 1.9 deprecates
            warnings.filterwarnings("ignore", "Attribute `prob[AB]_` was deprecated", FutureWarning)
            proto: onnx.ModelProto = skl2onnx.convert_sklearn(
                estimator,
                type(estimator).__name__,
                types,
                target_opset=target,
                custom_conversion_functions=CONVERTERS,
                custom_parsers=_parsers(zipmap),
            )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise _unsupported(estimator, error) from error
    _declare_opsets(proto, target[""])
    name_inputs(proto, [name for name, _, _ in inputs])
    return proto


def walk(estimator: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every estimator inside pipelines, unions, column transformers and searches, with its path."""
    yield path or type(estimator).__name__, estimator
    for name, inner in _children(estimator):
        if not isinstance(inner, str) and inner is not None:
            yield from walk(inner, f"{path}.{name}" if path else name)


def _children(estimator: Any) -> Iterator[tuple[str, Any]]:
    for attribute in ("steps", "transformers_", "transformer_list"):
        for entry in getattr(estimator, attribute, None) or ():
            yield entry[0], entry[1]
    for attribute in ("best_estimator_", "estimator_", "final_estimator_"):
        if hasattr(estimator, attribute):
            yield attribute, getattr(estimator, attribute)
    if hasattr(estimator, "named_estimators_"):
        yield from estimator.named_estimators_.items()


def _parsers(zipmap: bool) -> dict[type, Parser]:
    """Return skl2onnx's own parsers, told whether probabilities are maps, and one of ours for pipelines.

    Its `options` would say the same, but make it inspect every attribute of every tree twice (a tenth of the time that a
    forest of 100 trees takes).
    """
    parsers = {kind: _told(parser, zipmap) for kind, parser in sklearn_parsers_map.items() if _takes_zipmap(kind)}
    return {**parsers, Pipeline: _parse_pipeline, ColumnTransformer: _parse_columns}


def _takes_zipmap(kind: type) -> bool:
    converter = _converter_pool.get(sklearn_operator_name_map.get(kind))
    return "zipmap" in ((converter and converter.get_allowed_options()) or {})


def _told(parser: Parser, zipmap: bool) -> Parser:
    def parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
        scope.add_options(id(model), {"zipmap": zipmap and hasattr(model, "predict_proba")})
        return parser(scope, model, inputs, custom_parsers=custom_parsers)

    return parse


def _parse_pipeline(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Parse the steps in order; skl2onnx's own refuses steps that pass through, and classifiers without a zipmap."""
    for _, step in model.steps:
        if step is not None and step != "passthrough":
            inputs = _parse_sklearn(scope, step, inputs, custom_parsers=custom_parsers)
    return inputs


def _parse_columns(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Parse with every selection as positions: skl2onnx's own parser knows neither masks nor slices of names."""
    positions = model._transformer_to_input_indices
    stand_in = copy.copy(model)
    stand_in.transformers_ = [(name, step, list(map(int, positions[name]))) for name, step, _ in model.transformers_]
    return sklearn_parsers_map[ColumnTransformer](scope, stand_in, inputs, custom_parsers=custom_parsers)


def _declare_opsets(proto: onnx.ModelProto, opset: int) -> None:
    """Declare each domain once; skl2onnx lists some twice, and takes the lowest version that the nodes need."""
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    del proto.opset_import[:]
    proto.opset_import.extend(onnx.helper.make_opsetid(*entry) for entry in {**versions, "": opset}.items())


def _unsupported(estimator: Any, error: Exception) -> CannotConvert:
    missing = [
        f"{type(step).__module__}.{type(step).__qualname__} (at {path}): skl2onnx has no converter for it"
        for path, step in walk(estimator)
        if type(step) not in sklearn_operator_name_map and type(step) not in sklearn_parsers_map
    ]
    if missing:
        return UnsupportedOps(missing, where=type(estimator).__name__, remedy=_REGISTER)
    return CannotConvert(str(error).partition("\n")[0], where=type(estimator).__name__, remedy=_REGISTER)
