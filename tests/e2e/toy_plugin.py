"""A third party's plugin: ``y = 2 * x``, read from a JSON file that says what goes wrong on the way.

{"fault": "doubt"}      the export computes something else
{"fault": "invalid"}    the export is no valid graph
{"fault": "bug"}        the exporter raises an error of its own
{"slow": "export"}      a hook prints "toy: export" and takes a minute; also "load" and "run"
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from modelport import Detection, Framework, Option, Signature, TensorSpec, hookimpl

MINUTE = 60


@hookimpl
def framework() -> Framework:
    """Describe the toy."""
    factor = Option("factor", "float", 2.0, "what the inputs are multiplied with")
    return Framework("toy", "Toy", (".toy",), ("json",), "pip install modelport-toy", options=(factor,))


@hookimpl
def detect(source: Path) -> Detection | None:
    """Claim by suffix."""
    return Detection(1.0, "the suffix .toy") if source.suffix == ".toy" else None


@hookimpl
def load(source: Path) -> dict[str, str]:
    """Read the JSON file."""
    model: dict[str, str] = json.loads(source.read_text())
    _linger(model, "load")
    return model


@hookimpl
def signature() -> Signature:
    """One input, one output."""
    return Signature((TensorSpec("x", "float32", ("N", 4)),), (TensorSpec("y", "float32", ("N", 4)),))


@hookimpl
def to_onnx(model: dict[str, str], opset: int) -> Any:
    """Multiply, or do what the fault says."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    _linger(model, "export")
    fault = model.get("fault")
    if fault == "bug":
        raise ZeroDivisionError("the exporter's own mistake")
    factor = numpy_helper.from_array(np.float32(3.0 if fault == "doubt" else 2.0), "factor")
    node = helper.make_node("Mul", ["x", "missing" if fault == "invalid" else "factor"], ["y"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    graph = helper.make_graph([node], "toy", values[:1], values[1:], [factor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


@hookimpl
def run(model: dict[str, str], inputs: dict[str, Any]) -> dict[str, Any]:
    """Multiply."""
    _linger(model, "run")
    return {"y": inputs["x"] * 2}


def _linger(model: dict[str, str], hook: str) -> None:
    if model.get("slow") == hook:
        print(f"toy: {hook}", flush=True)  # noqa: T201
        time.sleep(MINUTE)
