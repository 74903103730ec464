"""What happened, as typed records and as JSON.

All times are seconds, all sizes bytes.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from modelport.errors import ModelportError, out_of_memory

Verdict = Literal["proven", "failed", "incomplete", "unproven"]
Status = Literal["delivered", "failed"]


RATIO_EDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""The upper edges of the bins in which `Figures.ratios` counts: decades of the tolerance, which ends at 1."""


class Stage(msgspec.Struct, frozen=True):
    """One stage of a conversion and how long it took."""

    name: str
    seconds: float


class Figures(msgspec.Struct, frozen=True):
    """How far one output of one case, or of all cases together, is from its reference.

    Attributes:
        output: the output's name.
        elements: how many values were compared.
        max_abs, mean_abs: largest and mean absolute difference; None for labels, integers and strings.
        max_rel: largest difference relative to the reference's magnitude, where that is not zero.
        cosine: cosine similarity of the two outputs as vectors; None where undefined.
        out_of_tolerance: how many floating-point values differ by more than atol + rtol * |reference|.
        flips: how many labels, integers or strings differ.
        reason: empty when the output passed; else what is wrong.
        ratios: how many values have which ``|difference| / (atol + rtol * |reference|)``: first those that are equal, NaN and
            infinities in the same places included, then those up to each of `RATIO_EDGES`, last those beyond, misplaced NaN
            and infinities included; None for labels, integers and strings.
    """

    output: str
    elements: int
    max_abs: float | None = None
    max_rel: float | None = None
    mean_abs: float | None = None
    cosine: float | None = None
    out_of_tolerance: int = 0
    flips: int = 0
    reason: str = ""
    ratios: list[int] | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.reason


class CaseResult(msgspec.Struct, frozen=True):
    """One set of inputs, run through both sides."""

    label: str
    sizes: dict[str, int]
    outputs: list[Figures]

    @property
    def passed(self) -> bool:
        """Whether every output passed."""
        return all(figures.passed for figures in self.outputs)


class Proof(msgspec.Struct, frozen=True):
    """The verdict of one comparison.

    Attributes:
        reference, candidate: what was run on either side.
        rtol, atol: the tolerance for float32 and float64.
        widened: the tolerance of the types that have their own, by dtype, as (rtol, atol): wider for float16 and bfloat16,
            narrower for float64 where the model computes in it.
        outputs: the figures of each output over all cases.
        refused: cases that the reference itself does not admit, with its reason; they prove nothing.
        repeats: how often the reference was asked again, and answered as before.
    """

    verdict: Verdict
    reference: str
    candidate: str
    rtol: float
    atol: float
    seconds: float
    outputs: list[Figures]
    cases: list[CaseResult]
    widened: dict[str, tuple[float, float]] = {}
    refused: list[str] = []
    notes: list[str] = []
    repeats: int = 0

    @property
    def max_abs(self) -> float:
        """The largest absolute difference of any output (0.0 where none is floating-point)."""
        return max((figures.max_abs or 0.0 for figures in self.outputs), default=0.0)


class Failure(msgspec.Struct, frozen=True):
    """An error as a record."""

    kind: str
    exit_status: int
    what: str
    where: str | None = None
    remedy: str | None = None


class Report(msgspec.Struct):
    """Everything about one conversion; filled in as the stages pass.

    Attributes:
        source, target: paths, or a description of the object in memory.
        route: the frameworks passed through, in order.
        inputs, outputs: the signature in the --input notation.
        source_sha256: of the source file, or of the files of a source folder; None for objects in memory.
        size_bytes: of everything delivered.
        replaced: those of `files` in whose place something was.
    """

    source: str
    modelport: str
    route: list[str] = []
    target: str | None = None
    opset: int | None = None
    status: Status = "failed"
    verdict: Verdict = "unproven"
    source_sha256: str | None = None
    size_bytes: int | None = None
    files: list[str] = []
    replaced: list[str] = []
    inputs: list[str] = []
    outputs: list[str] = []
    stages: list[Stage] = []
    proofs: list[Proof] = []
    notes: list[str] = []
    warnings: list[str] = []
    versions: dict[str, str] = {}
    error: Failure | None = None

    def to_json(self) -> bytes:
        """Return the report as indented UTF-8 JSON; infinities and NaN become null."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @property
    def seconds(self) -> float:
        """The time of all stages together."""
        return math.fsum(stage.seconds for stage in self.stages)


def failure(error: BaseException) -> Failure:
    """Describe an error as a record."""
    error = out_of_memory(error) or error
    if isinstance(error, ModelportError):
        return Failure(type(error).__name__, error.exit_status, error.what, error.where, error.remedy)
    status = 130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_status", 1)
    return Failure(type(error).__name__, status, str(error) or type(error).__name__)


def from_json(text: bytes | str) -> Report:
    """Read a report back."""
    return msgspec.json.decode(text, type=Report)


def to_builtins(record: Any) -> Any:
    """Return any record of this module as plain dictionaries and lists."""
    return msgspec.to_builtins(record)
