"""What happened in a quantisation, as typed records. Times are seconds, sizes bytes, drops percent points."""

from __future__ import annotations

import msgspec

from modelport.report import Failure, Figures, Stage, Status
from modelport.workbench.timing import Ratio


class OutputError(msgspec.Struct, frozen=True):
    """How far one output is from the float model's, over all cases together.

    Attributes:
        figures: maxima, means and cosine over the values; its `reason` is set for another dtype or shape, and for NaN or
            infinities in other places.
        error: the 2-norm of the difference relative to the 2-norm of the reference (0.1 is a signal-to-noise ratio of
            20 dB); None for labels.
        rows: how many decisions were compared: labels, or rows of class scores; 0 where an output decides nothing.
        drop: how many percent of the decisions changed; with true labels, by how many points the accuracy fell.
        judged: whether `drop` counts for the budget.
        top_k, top_k_agreement: the mean part of the k best classes that both models name.
        accuracy_before, accuracy_after: in percent, where the samples hold true labels.
    """

    figures: Figures
    error: float | None = None
    rows: int = 0
    drop: float | None = None
    judged: bool = False
    top_k: int = 0
    top_k_agreement: float | None = None
    accuracy_before: float | None = None
    accuracy_after: float | None = None


class Budget(msgspec.Struct, frozen=True):
    """What a quantised model may lose.

    Attributes:
        max_error: the largest `OutputError.error`.
        max_drop: the largest `OutputError.drop` that is judged.
    """

    max_error: float
    max_drop: float


class Sensitivity(msgspec.Struct, frozen=True):
    """What quantising some nodes alone costs: the largest error of any output."""

    nodes: tuple[str, ...]
    error: float


class Speed(msgspec.Struct, frozen=True):
    """Median seconds of one run before and after, and the ratio with its interval; measured in interleaved rounds."""

    before_seconds: float
    after_seconds: float
    ratio: Ratio
    sizes: dict[str, int]
    rounds: int


class QuantizeReport(msgspec.Struct):
    """Everything about one quantisation; filled in as the stages pass.

    Attributes:
        command: the command line that repeats it.
        excluded: names of the nodes that the user's patterns kept in float.
        left_by_auto: names of the nodes that --auto kept in float, those that hurt most first.
        sensitivities: what --auto measured.
        quantized: names of the nodes that were quantised.
        ops_before, ops_after: how often each operator occurs.
        reference, candidate: what ran either side of the proof.
        verdict: "within budget", "exceeded" or "not measured".
        cases: how many sets of inputs were run.
        errors: one for each output.
        speed: None where it was not measured; a note says why.
    """

    command: str
    source: str
    mode: str
    modelport: str
    budget: Budget
    target: str | None = None
    io: str = "float32"
    status: Status = "failed"
    verdict: str = "not measured"
    opset_before: int | None = None
    opset: int | None = None
    source_sha256: str | None = None
    size_before_bytes: int | None = None
    size_bytes: int | None = None
    files: list[str] = []
    replaced: list[str] = []
    inputs: list[str] = []
    outputs: list[str] = []
    excluded: list[str] = []
    left_by_auto: list[str] = []
    sensitivities: list[Sensitivity] = []
    quantized: list[str] = []
    ops_before: dict[str, int] = {}
    ops_after: dict[str, int] = {}
    reference: str = ""
    candidate: str = ""
    cases: int = 0
    refused: list[str] = []
    errors: list[OutputError] = []
    speed: Speed | None = None
    stages: list[Stage] = []
    notes: list[str] = []
    warnings: list[str] = []
    versions: dict[str, str] = {}
    error: Failure | None = None

    def to_json(self) -> bytes:
        """Return the report as indented UTF-8 JSON; infinities and NaN become null."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)
