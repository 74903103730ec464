"""One conversion as it was asked for, and what its stages hand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelport.artifact import ExternalData
from modelport.data.sample_files import Samples
from modelport.loading.open_model import Source
from modelport.plugins import Plugin
from modelport.proof.cases.case import Arrays
from modelport.proof.tolerance import Tolerance
from modelport.report import Report
from modelport.signature import Signature
from modelport.spec import HUB, Options
from modelport.stages import Progress, Staged


@dataclass(frozen=True)
class Request:
    """What the user asked of one conversion; `modelport.convert` says what each attribute means."""

    source: Any
    to: str | None
    output: Path | None
    from_: str | None
    inputs: tuple[str, ...]
    samples: Any
    opset: int | None
    rtol: float | None
    atol: float | None
    verify: bool
    options: Mapping[str, Any]
    seconds: float
    external_data: ExternalData
    optimize: str | None
    force: bool

    @property
    def path(self) -> Path | None:
        """The source's path; None for a model in memory."""
        return Path(self.source) if isinstance(self.source, str | Path) else None


@dataclass(frozen=True)
class Task(Staged):
    """A request whose words have been understood: the two plugins, and what their hooks are called with.

    Attributes:
        request: what the user asked for.
        report: what has happened so far; every stage adds to it.
        progress: told of stages as they start and end.
        source, target: the plugins of both frameworks; `options` and `target_options` are for their hooks.
        samples: the user's, as they were read.
    """

    request: Request
    report: Report
    progress: Progress | None
    source: Plugin
    target: Plugin
    options: Options
    target_options: Options
    samples: Samples | None

    @property
    def direct(self) -> bool:
        """Whether ONNX itself is the target."""
        return self.target.key == HUB


@dataclass(frozen=True)
class Loaded:
    """The source, ready to be exported and observed.

    Attributes:
        source: the model; its weights can be released and loaded again.
        samples: the user's samples, one array for each input; None without samples.
        tolerance: for the proof.
    """

    source: Source
    samples: Arrays | None
    tolerance: Tolerance

    @property
    def signature(self) -> Signature:
        """The source's, with the user's --input applied."""
        return self.source.signature


@dataclass(frozen=True)
class Exported:
    """The ONNX model.

    Attributes:
        path: the file that is checked and proven.
        files: it, and its external data.
        opset: of the default domain.
    """

    path: Path
    files: list[Path]
    opset: int


@dataclass(frozen=True)
class Translated:
    """The target's saved and reloaded result.

    Attributes:
        files: what is delivered.
        model: in the framework's own type.
    """

    files: list[Path]
    model: Any
