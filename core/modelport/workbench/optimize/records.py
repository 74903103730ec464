"""What optimize() returns. All times are seconds, all sizes bytes."""

from __future__ import annotations

from typing import Literal

import msgspec

from modelport.report import Failure, Proof, Stage, Verdict
from modelport.workbench.timing import Ratio


class Graph(msgspec.Struct, frozen=True):
    """What a model is made of.

    Attributes:
        nodes: how many, those of branches and loop bodies too, constants aside.
        operators: how often each occurs; those of other domains are named with their domain.
        size_bytes: of the file and its external data.
    """

    nodes: int
    operators: dict[str, int]
    size_bytes: int


class Speed(msgspec.Struct, frozen=True):
    """The measured speed: medians, and the ratio after / before with its 95 % interval.

    Attributes:
        inputs: what it was measured on, in the --input notation.
        rounds: how many pairs of runs.
    """

    before_seconds: float
    after_seconds: float
    ratio: Ratio
    inputs: list[str]
    rounds: int

    @property
    def slower(self) -> bool:
        """Whether the result is slower by more than noise."""
        return self.ratio.low > 1.0


class OptimizeReport(msgspec.Struct):
    """Everything about one optimisation; filled in as the stages pass.

    Attributes:
        command: the command line that repeats it.
        portable: whether the result holds standard operators only, if its source does.
        status: "delivered"; "failed"; "kept" when the result was slower and --keep-if-faster held it back.
        before, after: the graphs.
        proof: the result against the source.
        speed: None where it was not measured.
    """

    command: str
    source: str
    level: str
    portable: bool
    modelport: str
    target: str | None = None
    status: Literal["delivered", "failed", "kept"] = "failed"
    verdict: Verdict = "unproven"
    opset: int | None = None
    source_sha256: str | None = None
    before: Graph | None = None
    after: Graph | None = None
    proof: Proof | None = None
    speed: Speed | None = None
    files: list[str] = []
    replaced: list[str] = []
    inputs: list[str] = []
    outputs: list[str] = []
    stages: list[Stage] = []
    notes: list[str] = []
    versions: dict[str, str] = {}
    error: Failure | None = None

    def to_json(self) -> bytes:
        """Return the report as indented UTF-8 JSON; infinities and NaN become null."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)
