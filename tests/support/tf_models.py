"""Running an ONNX model through the translator to TensorFlow and through an independent reference."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime


def parsed(text: str, *, opset: int = 21, imports: Mapping[str, int] | None = None) -> onnx.ModelProto:
    """Return a model from the textual form of its graph, such as ``g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }``."""
    domains = ", ".join(f'"{domain}" : {version}' for domain, version in {"": opset, **(imports or {})}.items())
    return onnx.parser.parse_model(f"<ir_version: 10, opset_import: [{domains}]> {text}")


def translated(
    model: onnx.ModelProto, inputs: Mapping[str, Any], *, saved: bool = False, **options: Any
) -> dict[str, Any]:
    """Return what TensorFlow computes, by the names of the ONNX outputs; `saved` goes through a SavedModel on disk."""
    import tensorflow as tf

    from modelport_converters.onnx_to_tensorflow import build

    module = build.build(ir.from_proto(model), **options)
    specs = module.function.input_signature
    tensors = [
        tf.constant(inputs[value.name], spec.dtype) for value, spec in zip(model.graph.input, specs, strict=False)
    ]
    if saved:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "model")
            build.save(module, path)
            signature = tf.saved_model.load(path).signatures[build.SIGNATURE]
            results = signature(**{spec.name: tensor for spec, tensor in zip(specs, tensors, strict=True)})
    else:
        results = module.function(*tensors)
    names = [value.name for value in model.graph.output]
    return {name: results[key].numpy() for name, key in zip(names, build.tensor_names(names), strict=True)}


def by_onnxruntime(model: onnx.ModelProto, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ONNX Runtime computes on the CPU."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([value.name for value in session.get_outputs()], session.run(None, dict(inputs)), strict=True))


def by_reference(model: onnx.ModelProto, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what onnx's reference evaluator computes."""
    from onnx.reference import ReferenceEvaluator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = ReferenceEvaluator(model).run(None, dict(inputs))
    return dict(zip([value.name for value in model.graph.output], results, strict=True))


def assert_same(
    found: Mapping[str, Any],
    expected: Mapping[str, Any],
    rtol: float = 1e-4,
    atol: float = 1e-5,
    names: Sequence[str] = (),
) -> None:
    """Compare every output: dtype, shape and values."""
    for name in names or expected:
        assert found[name].dtype == expected[name].dtype, name
        assert found[name].shape == expected[name].shape, name
        if expected[name].dtype.kind in "fV":
            np.testing.assert_allclose(
                found[name].astype(np.float64), expected[name].astype(np.float64), rtol, atol, err_msg=name
            )
        else:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
