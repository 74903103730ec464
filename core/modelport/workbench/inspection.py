"""inspect(): what a model file is, without converting or running it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import onnx

from modelport import artifact
from modelport.errors import ModelportError, SourceUnreadable, TooLarge, UnsafeSource
from modelport.loading.open_model import signature_of, user_options
from modelport.plugins import registry
from modelport.plugins.options import parse_options
from modelport.spec import HUB


class Inspection(msgspec.Struct):
    """What is known about a model file.

    Attributes:
        evidence: what the detection rests on.
        inputs, outputs: in the --input notation; `unread` says why when they could not be read.
        unsafe: whether they were not read because that would run code in the file.
        opsets: the version of each operator domain (ONNX only).
        operators: how often each operator occurs, subgraphs included (ONNX only).
        parameters: the number of weights (ONNX only).
        provenance: what modelport recorded in the file (ONNX only).
    """

    path: str
    framework: str
    evidence: str
    size_bytes: int
    sha256: str
    inputs: list[str] = []
    outputs: list[str] = []
    unread: str | None = None
    unsafe: bool = False
    ir_version: int | None = None
    producer: str | None = None
    opsets: dict[str, int] = {}
    operators: dict[str, int] = {}
    parameters: int | None = None
    provenance: dict[str, str] = {}


def inspect(
    path: str | Path,
    *,
    from_: str | None = None,
    trust: bool = False,
    trust_types: tuple[str, ...] = (),
    inputs: tuple[str, ...] = (),
    factory: str | None = None,
) -> Inspection:
    """Describe a model file.

    Args:
        path: the file or folder.
        from_: its framework, when detection should not decide.
        trust: allow code inside the file to run; only needed for formats that do so on load.
        trust_types, inputs, factory: as for `modelport.convert`, for models that do not say their inputs.

    Raises:
        ModelportError: when the file is missing, empty, damaged, beyond the memory limit or of no known format. A file that
            is refused as unsafe, or that does not say its inputs, is described without its signature.
    """
    source = Path(path)
    plugin, claim = registry().detect(source) if from_ is None else (registry().get(from_), None)
    evidence = claim.evidence if claim else f"--from {from_}"
    given = user_options(inputs, factory=factory, trust=trust, trust_types=trust_types)
    options = replace(given, values=parse_options(plugin.framework, {}))
    size = artifact.size_of([source, *_external_files(source)] if plugin.key == HUB else [source])
    found = Inspection(str(source), plugin.key, evidence, size, artifact.sha256(source))
    try:
        signature = signature_of(plugin, plugin.call("load", source=source, options=options), options)
        found.inputs = [str(spec) for spec in signature.inputs]
        found.outputs = [str(spec) for spec in signature.outputs]
    except ModelportError as error:
        if plugin.key == HUB or isinstance(error, (SourceUnreadable, TooLarge)):
            raise
        found.unsafe = isinstance(error, UnsafeSource)
        found.unread = f"{error.what} ({error.remedy})" if error.remedy else error.what
    if plugin.key == HUB:
        _describe_onnx(found, onnx.load(str(source), load_external_data=False))
    return found


def _describe_onnx(found: Inspection, model: onnx.ModelProto) -> None:
    found.ir_version = model.ir_version
    found.producer = " ".join(part for part in (model.producer_name, model.producer_version) if part) or None
    found.opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    counts = Counter(_operators(model.graph))
    found.operators = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    found.parameters = sum(_elements(tensor) for tensor in model.graph.initializer)
    found.provenance = artifact.read_provenance(model)


def _operators(graph: onnx.GraphProto) -> list[str]:
    names = []
    pending = [graph]
    while pending:
        for node in pending.pop().node:
            names.append(f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type)
            for attribute in node.attribute:
                pending += [attribute.g] if attribute.HasField("g") else []
                pending += attribute.graphs
    return names


def _elements(tensor: onnx.TensorProto) -> int:
    count = 1
    for size in tensor.dims:
        count *= size
    return count


def _external_files(source: Path) -> list[Path]:
    beside = source.with_name(source.name + ".data")
    return [beside] if beside.is_file() else []
