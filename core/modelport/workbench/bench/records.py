"""What a benchmark measured, as typed records. All times are seconds, all sizes bytes."""

from __future__ import annotations

import msgspec

from modelport.workbench.timing import Ratio


class Settings(msgspec.Struct, frozen=True):
    """How it was measured.

    Attributes:
        threads: within an operator; 0 for each framework's own choice.
        affinity: the cores that the process was bound to.
        providers: the execution providers that the ONNX files ran on.
        warmup: unmeasured calls of each variant at each shape.
        rounds, seconds: what was asked for, for each shape; None for a second for each variant.
    """

    threads: int
    affinity: list[int]
    providers: list[str]
    warmup: int
    rounds: int | None
    seconds: float | None


class Variant(msgspec.Struct, frozen=True):
    """One way of running one model.

    Attributes:
        name: unique in the benchmark.
        source: the path, or the class of a model in memory.
        framework: its title.
        how: the execution provider, the plugin's variant ("eager", "compiled"), or "run".
        engine: what runs it, with its version.
        peak_bytes: the largest resident memory of a process that only loads and runs it, at the largest shape; None where it
            was not measured.
    """

    name: str
    source: str
    framework: str
    how: str
    engine: str
    peak_bytes: int | None = None


class Timing(msgspec.Struct, frozen=True):
    """How long one variant takes at one shape.

    Attributes:
        variant: its name.
        rounds: how many times it was measured; a round of short calls is the mean of several.
        p50, p90, p99: quantiles of the seconds per call.
        throughput: samples per second at p50.
        ratio: the seconds over those of the first variant in the same rounds; None for the first.
    """

    variant: str
    rounds: int
    p50: float
    p90: float
    p99: float
    throughput: float
    ratio: Ratio | None = None


class Case(msgspec.Struct, frozen=True):
    """All variants at one shape.

    Attributes:
        label: the shapes of the inputs, for people.
        sizes: of the symbolic dimensions of the first model.
        shapes: of its inputs, by name.
        samples: the size of the batch.
        openings: how often the models were opened anew; what an interval is made of.
        timings: one for each variant, in their order.
    """

    label: str
    sizes: dict[str, int]
    shapes: dict[str, list[int]]
    samples: int
    openings: int
    timings: list[Timing]


class BenchReport(msgspec.Struct, frozen=True):
    """A whole benchmark.

    Attributes:
        variants: the first one is what the others are compared with.
        cases: one for each shape that was measured.
        interrupted: True when it was stopped before its end; the last case may then have few rounds.
        machine: the processor and the number of its cores.
        versions: of modelport, Python and the engines.
        notes: what could not be measured, and why.
        command: the command line that repeats it; empty when called from Python.
    """

    variants: list[Variant]
    cases: list[Case]
    settings: Settings
    machine: str
    versions: dict[str, str]
    interrupted: bool = False
    notes: list[str] = []
    command: str = ""
