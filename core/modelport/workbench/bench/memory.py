"""The peak memory of one variant, in a process of its own that does nothing but load and run it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec

from modelport.loading.open_model import OpenModel
from modelport.safety import memory
from modelport.workbench.bench.records import Variant

CHILD = "modelport.workbench.bench.child"


class Job(msgspec.Struct, frozen=True):
    """What the child process is to load and run.

    Attributes:
        source, framework, values, factory, trust, trust_types, inputs: as for `modelport.loading.open_model.open_model`; inputs
            in --input notation.
        how: the execution provider or the plugin's variant.
        shapes: of the model's own inputs.
        threads, affinity: to be set in the child.
        memory: the limit in effect, in bytes.
    """

    source: str
    framework: str
    values: dict[str, Any]
    factory: str | None
    trust: bool
    trust_types: list[str]
    inputs: list[str]
    how: str
    shapes: dict[str, list[int]]
    threads: int
    affinity: list[int]
    memory: int


def measure_peak(job: Job) -> int | str:
    """Return the peak resident memory in bytes, or why it could not be measured."""
    done = subprocess.run(
        [sys.executable, "-m", CHILD], input=msgspec.json.encode(job), capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"the process ended with status {done.returncode}"
    return int(done.stdout.split()[-1])


def job_for(model: OpenModel, record: Variant, inputs: list[str], shapes: dict[str, list[int]], threads: int,
            affinity: list[int]) -> Job | None:  # fmt: skip
    """Describe a variant to a child process; None for a model in memory, which only this process has."""
    if model.path is None:
        return None
    options = model.options
    return Job(
        source=str(model.path),
        framework=model.plugin.key,
        values=dict(options.values),
        factory=options.factory,
        trust=options.trust,
        trust_types=list(options.trust_types),
        inputs=inputs,
        how=record.how,
        shapes=shapes,
        threads=threads,
        affinity=affinity,
        memory=memory.limit(),
    )
