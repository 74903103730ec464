"""Every operator's function against its newest schema in `onnx.defs`: inputs, attributes and defaults."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import defs, helper

from modelport_converters.onnx_graph.fuse import OWN_DOMAIN
from modelport_converters.onnx_graph.registry import Op, snake
from modelport_converters.onnx_to_tensorflow.ops import registry

WITHOUT_SCHEMA = {"com.microsoft", OWN_DOMAIN}
"""Domains that onnx defines no operators of."""

DELIBERATE = {
    (
        "LabelEncoder",
        "attribute classes_strings: of no schema",
    ): "of version 1, which onnx's version converter leaves as it is",
    ("LinearRegressor", "attribute coefficients: required"): "without it there is no model",
    ("SVMClassifier", "attribute coefficients: required"): "without it there is no model",
    ("SVMClassifier", "attribute rho: required"): "without it there is no model",
    ("SVMRegressor", "attribute coefficients: required"): "without it there is no model",
    ("SVMRegressor", "attribute rho: (0.0,) for None"): "an offset that is absent is none",
    ("Scan", "attribute batched: of no schema"): "set by prepare for the batch dimension of version 8",
    ("SequenceEmpty", "attribute dtype: 1 for None"): "the schema names float in its text alone",
    ("Shape", "attribute order: of no schema"): "set by layout for a tensor that is held channels-last",
    ("TreeEnsemble", "attribute n_targets: 1 for None"): "an absent number is taken for one target",
    ("TreeEnsembleRegressor", "attribute n_targets: 1 for None"): "an absent number is taken for one target",
}
"""What a function declares otherwise than its schema, and why; each has to be found."""


def differences(op: Op[Any], schema: defs.OpSchema) -> Iterator[str]:
    """Yield what the function of an operator declares otherwise than the schema, each as one word and the two sides."""
    if (
        op.variadic and not op.parameters and not op.attributes
    ):  # a function of TensorFlow's, called with the inputs alone
        yield from (f"attribute {name}: absent" for name in schema.attributes)
        return
    parameters = inspect.signature(op.function).parameters
    yield from _inputs(op, parameters, schema)
    keywords = {name: item for name, item in parameters.items() if item.kind is item.KEYWORD_ONLY and name != "wanted"}
    attributes = {snake(name): item for name, item in schema.attributes.items()}
    yield from (f"attribute {name}: absent" for name in sorted(attributes.keys() - keywords.keys()))
    yield from (f"attribute {name}: of no schema" for name in sorted(keywords.keys() - attributes.keys()))
    for name in attributes.keys() & keywords.keys():
        expected, own = _default(attributes[name]), keywords[name].default
        if own is inspect.Parameter.empty and expected is not own:
            yield f"attribute {name}: required"
        elif not _same(own, expected):
            yield f"attribute {name}: {own!r} for {expected!r}"


def _inputs(op: Op[Any], parameters: Any, schema: defs.OpSchema) -> Iterator[str]:
    options = defs.OpSchema.FormalParameterOption
    declared = [item for item in schema.inputs if item.option != options.Variadic]
    if op.variadic != (len(declared) < len(schema.inputs)):
        yield f"variadic: {op.variadic}"
    if len(op.parameters) != len(declared):
        yield f"inputs: {len(op.parameters)} for {len(declared)}"
    places = {snake(item.name): at for at, item in enumerate(schema.inputs)}
    for at, (name, item) in enumerate(zip(op.parameters, declared, strict=False)):
        if places.get(name, at) != at:
            yield f"input {name}: at {at} for {places[name]}"
        if (parameters[name].default is not inspect.Parameter.empty) != (item.option == options.Optional):
            yield f"input {name}: {'required' if item.option == options.Optional else 'optional'}"


def _default(attribute: defs.OpSchema.Attribute) -> Any:
    """Return an attribute's default in Python; `empty` where it is required, None where it has none."""
    if attribute.required:
        return inspect.Parameter.empty
    if attribute.default_value.type == onnx.AttributeProto.UNDEFINED:
        return None
    value = helper.get_attribute_value(attribute.default_value)
    if isinstance(value, list):
        return [item.decode() if isinstance(item, bytes) else item for item in value]
    return value.decode() if isinstance(value, bytes) else value


def _same(own: Any, expected: Any) -> bool:
    if isinstance(expected, float):  # a schema's numbers are float32
        return isinstance(own, float) and np.float32(own) == np.float32(expected)
    if expected is None:  # an absent list or text may be an empty one
        return own in (None, (), "")
    if isinstance(expected, list):
        return list(own) == expected
    return bool(own == expected)


def operators() -> Iterator[tuple[str, str]]:
    found, keys = registry(), registry().keys()
    yield from sorted(key for key in keys if found.find(*key) is not None)


def test_every_function_declares_the_inputs_attributes_and_defaults_of_the_newest_schema() -> None:
    found: dict[tuple[str, str], None] = {}
    for domain, name in operators():
        if domain in WITHOUT_SCHEMA:
            continue
        op = registry().find(domain, name)
        assert op is not None
        found |= dict.fromkeys((name, line) for line in differences(op, defs.get_schema(name, domain=domain)))
    assert sorted(found.keys() - DELIBERATE.keys()) == []
    assert sorted(DELIBERATE.keys() - found.keys()) == []  # mended


def test_domains_without_schemas_are_those_that_are_known() -> None:
    known = {schema.domain for schema in defs.get_all_schemas()}
    assert {domain for domain, _ in operators()} - known == WITHOUT_SCHEMA
