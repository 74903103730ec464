"""Calling a plugin as the hub does, and comparing what it exports with the source framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime

from modelport.plugins import Plugin
from modelport.plugins.options import parse_options
from modelport.signature import Signature, parse_inputs
from modelport.spec import Options


def options(plugin: Plugin, *inputs: str, values: Mapping[str, str] | None = None, **given: Any) -> Options:
    """Return options as the user gives them: inputs as for --input, values as for -O, and fields of `Options`."""
    specs, examples = parse_inputs(inputs)
    return Options(parse_options(plugin.framework, values or {}), inputs=specs, examples=examples, **given)


def converted(plugin: Plugin, model: Any, chosen: Options, opset: int = 18) -> tuple[Signature, onnx.ModelProto]:
    """Return the signature of a model and its ONNX form, checked."""
    signature = plugin.call("signature", model=model, options=chosen)
    result = plugin.call("to_onnx", model=model, signature=signature, opset=opset, options=chosen)
    proto = ir.to_proto(result) if isinstance(result, ir.Model) else result
    onnx.checker.check_model(proto, full_check=True)
    return signature, proto


def assert_onnx_agrees(
    plugin: Plugin,
    model: Any,
    inputs: Mapping[str, Any],
    expected: Mapping[str, Any],
    chosen: Options | None = None,
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> Signature:
    """Compare ONNX Runtime, and the plugin's own run, with what the framework returned; return the signature."""
    chosen = chosen or options(plugin)
    signature, proto = converted(plugin, model, chosen)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    assert [value.name for value in session.get_inputs()] == [spec.name for spec in signature.inputs] == list(inputs)
    assert (
        [value.name for value in session.get_outputs()] == [spec.name for spec in signature.outputs] == list(expected)
    )
    results = dict(zip(expected, session.run(None, dict(inputs)), strict=True))
    ran = plugin.call("run", model=model, signature=signature, inputs=inputs, options=chosen)
    for name, value in expected.items():
        reference = np.asarray(value)
        assert results[name].dtype == ran[name].dtype == reference.dtype
        np.testing.assert_allclose(results[name], reference, rtol=rtol, atol=atol)
        np.testing.assert_array_equal(ran[name], reference)
    return signature
