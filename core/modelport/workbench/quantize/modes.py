"""The modes: what each needs, what it may lose by default, and how it is applied."""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from modelport.errors import CannotConvert, InvalidOption, nearest
from modelport.workbench.quantize import graph, integers, narrow

FLOAT16_LARGEST = 65504.0


@dataclass(frozen=True)
class Mode:
    """One way to quantise.

    Attributes:
        key: its name on the command line.
        max_error: the default of --max-error: about twice what well-behaved networks lose.
        minimum_opset: models below it are raised to it. int8 per channel came with opset 13, bfloat16 convolutions with 22.
        ops: what it quantises, for messages.
        narrow: the float type of float16 and bfloat16 modes.
    """

    key: str
    max_error: float
    minimum_opset: int
    ops: str
    narrow: ir.DataType | None = None

    @property
    def narrow_name(self) -> str | None:
        """The narrow type's name in the --input notation."""
        return self.narrow.name.lower() if self.narrow is not None else None


MODES = {
    mode.key: mode
    for mode in (
        Mode("dynamic", 0.1, 13, "MatMul, Gemm, Gather, LSTM and Attention on float32 weights"),
        Mode("static", 0.1, 13, "Conv, ConvTranspose, Gemm and MatMul"),
        Mode("float16", 0.01, 1, "float32 operators", ir.DataType.FLOAT16),
        Mode("bfloat16", 0.05, 22, "float32 operators", ir.DataType.BFLOAT16),
        Mode("int4", 0.2, 13, "MatMul and Gemm by a float32 matrix"),
    )
}


@dataclass(frozen=True)
class Recipe:
    """Everything that a quantisation is determined by, except for the nodes that stay in float.

    Attributes:
        source: the float model's file.
        scratch: a folder of its own.
        batches: calibration data, for static mode.
        method: of calibration.
    """

    mode: Mode
    source: Path
    scratch: Path
    per_channel: bool = True
    reduce_range: bool = False
    narrow_io: bool = False
    batches: integers.Batches = ()
    method: str = "minmax"

    def prepared(self) -> ir.Model:
        """Read the float model, ready for this mode; every call reads it anew, its weights when they are needed."""
        if self.mode.key != "static":
            return graph.load(self.source, self.mode.minimum_opset)
        folded = self.scratch / "folded.onnx"
        if not folded.exists():
            integers.fold(graph.load(self.source, self.mode.minimum_opset), folded)
        return ir.load(folded)

    def candidates(self, where: str) -> list[str]:
        """Return the names of the nodes that the mode quantises, in graph order.

        Raises:
            CannotConvert: when there are none.
        """
        model = self.prepared()
        found = (
            _CANDIDATES[self.mode.key](model)
            if self.mode.narrow is None
            else narrow.candidates(model, self.mode.narrow)
        )
        if not found:
            counts = Counter(node.op_type for node in graph.nodes(model))
            raise CannotConvert(
                f"the model has nothing that {self.mode.key} mode quantises: {self.mode.ops}",
                where=where,
                remedy=f"choose another --mode; the model's operators: {', '.join(f'{op} {n}' for op, n in counts.items())}",
            )
        return found

    def overflowing(self, batches: integers.Batches) -> list[str]:
        """Return the nodes of float16 mode that read or write values beyond its range, in graph order.

        ONNX Runtime's CPU provider computes float16 operators in float32 and removes the casts between them, so that running
        the result there would not show the infinities that other hardware yields.
        """
        model = self.prepared()
        large = integers.beyond(model, self.scratch / "working.onnx", batches, FLOAT16_LARGEST)
        return [
            str(node.name)
            for node in graph.nodes(model)
            if any(value is not None and value.name in large for value in (*node.inputs, *node.outputs))
        ]

    def apply(self, keep: frozenset[str]) -> ir.Model:
        """Quantise everything but the nodes named."""
        scratch = self.scratch / "working.onnx"
        options = {"per_channel": self.per_channel, "reduce_range": self.reduce_range}
        if self.mode.narrow is not None:
            return narrow.apply(self.prepared(), self.mode.narrow, keep, narrow_io=self.narrow_io)
        with integers.quiet():
            if self.mode.key == "int4":
                integers.write_split(self.prepared(), keep, scratch)
                gc.collect()
                return integers.int4(scratch, keep)
            if self.mode.key == "dynamic":
                return integers.dynamic(self.prepared(), keep, scratch, **options)
            folded = self.scratch / "folded.onnx"
            return integers.static(folded, keep, scratch, self.batches, method=self.method, **options)


_CANDIDATES = {
    "dynamic": integers.dynamic_candidates,
    "static": integers.static_candidates,
    "int4": integers.int4_candidates,
}


def find(key: str) -> Mode:
    """Return the mode of this name; raises InvalidOption for an unknown one."""
    if key not in MODES:
        close = nearest(key, MODES)
        raise InvalidOption(
            f"there is no mode {key!r}",
            where="--mode",
            remedy=f"{f'did you mean {close!r}? ' if close else ''}known: {', '.join(MODES)}",
        )
    return MODES[key]
