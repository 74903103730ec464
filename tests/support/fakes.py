"""A framework made of NumPy and ONNX graphs, for testing the core without any real framework.

A `Net` is its model: a reference (a graph for onnx's reference evaluator, or a NumPy function) and what the exporter makes of
it. An exporter that plants a fault is a `Net` whose `exported` graph differs from its reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from modelport import Detection, Framework, Option, Options, Signature, TensorSpec, hookimpl
from modelport.errors import inputs_refused
from modelport.pipeline import Conversion

Arrays = Mapping[str, np.ndarray]


def graph(body: str, *, opset: int = 20, ml: int = 0, ir_version: int = 10, **weights: Any) -> onnx.ModelProto:
    """Parse ``(float[N,4] x) => (float[N,4] y) { y = Relu(x) }`` and give it its weights as initializers."""
    imports = f'"" : {opset}' + (f', "ai.onnx.ml" : {ml}' if ml else "")
    model = onnx.parser.parse_model(f"<ir_version: {ir_version}, opset_import: [{imports}]> net {body}")
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items())
    return model


def zip_map(labels: Sequence[Any], *, opset: int = 20) -> onnx.ModelProto:
    """A softmax over one column for each label, whose rows come out as maps from label to probability."""
    n, text = len(labels), isinstance(labels[0], str)
    model = graph(f"(float[N,{n}] x) => (float[N,{n}] p) {{ p = Softmax(x) }}", opset=opset, ml=1)
    del model.graph.output[:]
    keys = {"classlabels_strings" if text else "classlabels_int64s": list(labels)}
    model.graph.node.append(onnx.helper.make_node("ZipMap", ["p"], ["maps"], domain="ai.onnx.ml", **keys))
    key = onnx.TensorProto.STRING if text else onnx.TensorProto.INT64
    element = onnx.helper.make_map_type_proto(key, onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, []))
    maps = onnx.helper.make_sequence_type_proto(element)
    model.graph.output.append(onnx.helper.make_value_info("maps", maps))
    return model


def signature_of(model: onnx.ModelProto) -> Signature:
    """Read the signature off a graph, independently of the onnx plugin."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(_spec(value) for value in model.graph.input if value.name not in weights)
    return Signature(inputs, tuple(_spec(value) for value in model.graph.output))


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        return TensorSpec(value.name, "", None, kind="sequence")
    dtype = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    names = {"float": "float32", "double": "float64"}
    return TensorSpec(
        value.name, names.get(dtype, dtype), tuple(dim.dim_param or dim.dim_value for dim in tensor.shape.dim)
    )


@dataclass
class Net:
    """A model of the fake framework.

    Attributes:
        exported: what its exporter makes of it.
        reference: what it computes itself: a graph or a NumPy function of its inputs; the exported graph when left out.
        signature: read off the exported graph when left out.
        draw: its own samples, by seed.
    """

    exported: onnx.ModelProto
    reference: onnx.ModelProto | Callable[[Arrays], Mapping[str, Any]] | None = None
    signature: Signature | None = None
    draw: Callable[[int], Arrays] | None = None
    calls: list[Arrays] = field(default_factory=list)

    def run(self, arrays: Arrays) -> Mapping[str, Any]:
        """Compute the outputs."""
        self.calls.append(arrays)
        reference = self.exported if self.reference is None else self.reference
        with np.errstate(all="ignore"):
            if not isinstance(reference, onnx.ModelProto):
                return reference(arrays)
            evaluator = ReferenceEvaluator(reference)
            return dict(zip(evaluator.output_names, evaluator.run(None, dict(arrays)), strict=True))


class FakeFramework:
    """A plugin; `both` directions, or only to ONNX, with a fault in `from_onnx` where `spoil` plants one."""

    def __init__(
        self, key: str = "fake", *, confidence: float = 1.0, spoil: Callable[[onnx.ModelProto], None] | None = None
    ) -> None:
        self.key, self.confidence, self.spoil = key, confidence, spoil
        self.reports: list[Any] = []

    @hookimpl
    def framework(self) -> Framework:
        return Framework(
            key=self.key,
            title=self.key.title(),
            suffixes=(f".{self.key}",),
            requires=("numpy",),
            install=f"pip install {self.key}",
            modules=("fakes",),
            aliases=(f"{self.key}py",),
            options=(
                Option("depth", "int", 2, "How deep."),
                Option("mode", "str", "fast", "How.", choices=("fast", "slow")),
                Option("strict", "bool", False, "Whether."),
                Option("rate", "float", None, "How often."),
            ),
            distributions=("numpy",),
        )

    @hookimpl
    def detect(self, source: Path) -> Detection | None:
        return Detection(self.confidence, "the suffix") if source.suffix == f".{self.key}" else None

    @hookimpl
    def load(self, source: Path) -> Net:
        return Net(onnx.load_from_string(source.read_bytes()))

    @hookimpl
    def signature(self, model: Net) -> Signature:
        return model.signature or signature_of(model.exported)

    @hookimpl
    def samples(self, model: Net, signature: Signature, seed: int) -> Arrays | None:
        return model.draw(seed) if model.draw else None

    @hookimpl
    def to_onnx(self, model: Net, options: Options) -> onnx.ModelProto:
        options.note("exported by the fake framework")
        copy = onnx.ModelProto()
        copy.CopyFrom(model.exported)
        return copy

    @hookimpl
    def from_onnx(self, model: ir.Model) -> Net:
        proto = ir.to_proto(model)
        if self.spoil:
            self.spoil(proto)
        return Net(proto)

    @hookimpl
    def run(self, model: Net, inputs: Arrays) -> Mapping[str, Any]:
        with inputs_refused("Fake"):
            return model.run(inputs)

    @hookimpl
    def save(self, model: Net, path: Path) -> Sequence[Path]:
        path.write_bytes(model.exported.SerializeToString())
        return [path]

    @hookimpl
    def conversion_finished(self, report: Any) -> None:
        self.reports.append(report)


class ReadOnlyFramework:
    """A plugin with a single hook beyond its description: it exports nothing and imports nothing."""

    @hookimpl
    def framework(self) -> Framework:
        return Framework("readonly", "Read Only", (".ro",), ("numpy",), "pip install readonly")

    @hookimpl
    def detect(self, source: Path) -> Detection | None:
        return Detection(1.0, "the suffix") if source.suffix == ".ro" else None


class Convert(Protocol):
    """Convert a graph of the fake framework into the empty folder of the test."""

    def __call__(self, model: Net | onnx.ModelProto, **options: Any) -> Conversion: ...
