"""One conversion on its way: what a stage makes, the next one takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelport import report
from modelport.data import sample_files
from modelport.plugins import Plugin
from modelport.proof import equivalence
from modelport.signature import Signature
from modelport.spec import Options
from modelport.stages import Progress, Staged


@dataclass
class Job(Staged):
    """One conversion.

    Attributes:
        request: what the user asked for, by the name of `convert`'s argument.
        report: what has happened so far.
        source, target: the plugins of both frameworks; `options` and `target_options` are for their hooks.
        samples: the user's.
        progress: told of stages as they start and end.
        given: the source as the user gave it.
        model: the loaded source; None once it is released.
        signature: of the source, with the user's --input applied.
        observed: what the source answered to the cases of the proof.
    """

    request: Mapping[str, Any]
    report: report.Report
    source: Plugin
    target: Plugin
    options: Options
    target_options: Options
    samples: sample_files.Samples | None
    progress: Progress | None
    given: Any
    model: Any = None
    signature: Signature = field(default_factory=lambda: Signature(()))
    observed: equivalence.Observations | None = None
