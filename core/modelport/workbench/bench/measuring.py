"""bench(): open, check the shapes, prepare every variant at every shape, measure in turns, measure memory, plot."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from modelport.data import preprocessing, sample_files
from modelport.errors import BadInput, OutputNotWritable
from modelport.loading.open_model import OpenModel, find_plugin, open_model, user_options
from modelport.plugins.options import split_options
from modelport.proof.cases.generated import Arrays, inputs_at, require_known, sizes_in
from modelport.spec import HUB, Options
from modelport.workbench import timing
from modelport.workbench.bench import process
from modelport.workbench.bench.memory import job_for, measure_peak
from modelport.workbench.bench.plot import check_plot, draw
from modelport.workbench.bench.records import BenchReport, Case, Settings, Timing
from modelport.workbench.bench.shapes import cast, elements_in, match, plan_cases, renamed, samples_in, shapes_at, show
from modelport.workbench.bench.variants import Runnable, check_variants, providers_for, runnables

Progress = Callable[[str, float], None]
"""Told what is being done, and the part of all measuring that is done, from 0 to 1."""

Times = dict[str, list[float]]

_FEWEST_ROUNDS = 2
"""Of each opening; and what an interrupted case must have for its quantiles to be reported."""
_OPENINGS, _FEWEST_OPENINGS = 10, 3
"""How often the models of a case are opened anew: how their memory lies makes a lasting difference of a per cent or so."""


@dataclass
class _Bench:
    """A benchmark under way: what was asked, what was prepared, what has been measured."""

    settings: Settings
    say: Progress
    models: list[OpenModel] = field(default_factory=list)
    found: list[Runnable] = field(default_factory=list)
    sizes: list[dict[str, int]] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds_to_open: list[float] = field(default_factory=list)


def bench(
    *sources: Any,
    shapes: str = "",
    grid: Sequence[str] = (),
    samples: Any = None,
    inputs: Sequence[str] = (),
    from_: Sequence[str] = (),
    providers: Sequence[str] = (),
    variants: Sequence[str] = (),
    threads: int = 0,
    affinity: Sequence[int] = (),
    rounds: int | None = None,
    seconds: float | None = None,
    warmup: int = 3,
    memory: bool = True,
    plot: str | Path | None = None,
    factory: str | None = None,
    trust: bool = False,
    trust_types: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> BenchReport:
    """Measure models of any framework against one another, in interleaved rounds.

    Args:
        sources: paths, or models of source frameworks in memory; the first one is what the others are compared with.
        shapes: shapes of the inputs, as in ``x=1x3x224x224,16x3x224x224``; several inputs between semicolons.
        grid: sizes of symbolic dimensions, as in ``N=1,8``; all combinations are measured.
        samples: inputs to repeat or cut to each shape, as for `modelport.convert`; else they are drawn as for a proof.
        inputs: the --input notation, for source models that do not say their inputs.
        from_: the frameworks of the first sources, where they should not be detected.
        providers: execution providers of ONNX files; by default the CPU, and CUDA where it is installed.
        variants: of source frameworks, such as "eager" and "compiled"; by default the first that a framework has.
        threads: within an operator, of every engine; 0 for each one's own choice.
        affinity: cores that the process is bound to meanwhile.
        rounds, seconds: for each shape; by default as many rounds as a second for each variant allows.
        warmup: unmeasured calls of each variant at each shape.
        memory: measure the peak memory of each variant at the largest shape, in a process of its own.
        plot: where to draw the result, .png or .svg.
        factory: ``module:factory`` that builds the model which weights are loaded into.
        trust: allow code inside the models to run.
        trust_types: names of types that a .skops file may hold beyond those known to be harmless.
        options: options of the plugins.
        progress: told what is being done.
        command: the command line to report.

    Returns:
        The report. Ctrl-C while measuring ends it early: what was measured is returned, with `interrupted` set.

    Raises:
        BadInput: for a provider or variant that is not there, a model that does not run, or a number out of range.
        InvalidSignature: for shapes that a model contradicts; nothing has been measured then.
        OutputNotWritable: for a plot that could not be written; nothing has been measured then. One that cannot be written in
            the end is a note in the report.
        ModelportError: when a model cannot be loaded.
    """
    _check_numbers(len(sources), rounds, seconds, warmup)
    target = check_plot(plot, [*sources, samples])
    names = providers_for(providers)
    with process.configured(threads, affinity) as cores:
        work = _Bench(Settings(threads, cores, names, warmup, rounds, seconds), progress or (lambda what, part: None))
        user = sample_files.read(samples) if samples is not None else None
        base = user_options(inputs, factory=factory, trust=trust, trust_types=trust_types, samples=user)
        _open(work, sources, from_, base, options or {})
        check_variants(work.models, variants)
        user_arrays = _fitted(work, user)
        _plan(work, shapes, grid, user_arrays)
        _find_variants(work, variants)
        drawn = _draw(work, user_arrays)
        interrupted = False
        try:
            _measure(work, drawn, steps=len(drawn) + memory)
            if memory:
                _measure_memory(work, inputs)
        except KeyboardInterrupt:
            if not work.cases:
                raise
            interrupted = True
    report = _report(work, interrupted, command)
    if target:
        try:
            draw(report, target)
        except OutputNotWritable as error:  # what was measured stands without it
            report.notes.append(f"the plot was not written: {error.what}")
    return report


def _check_numbers(sources: int, rounds: int | None, seconds: float | None, warmup: int) -> None:
    wrong = {
        "there is no model to measure": sources < 1,
        f"{rounds} rounds give no interval": rounds is not None and rounds < _FEWEST_ROUNDS,
        f"{seconds} seconds cannot be used": seconds is not None and not seconds > 0,
        f"{warmup} calls to warm up cannot be made": warmup < 0,
    }
    for what, applies in wrong.items():
        if applies:
            raise BadInput(what, remedy="give at least one model, 2 rounds, a positive time and 0 calls to warm up")


def _open(work: _Bench, sources: Sequence[Any], from_: Sequence[str], base: Options, values: Mapping[str, Any]) -> None:
    """Open every source, each with the options that are its plugin's own; ONNX files say their inputs themselves."""
    keys: list[str | None] = [*from_, *[None] * len(sources)]
    plugins = [find_plugin(source, key) for source, key in zip(sources, keys, strict=False)]
    own = split_options([plugin.framework for plugin in plugins], values)
    for source, plugin, options in zip(sources, plugins, own, strict=True):
        work.say("opening", 0.0)
        given = replace(base, inputs=(), examples={}) if plugin.key == HUB else base
        work.models.append(open_model(source, from_=plugin.key, options=given, values=options))
        require_known(work.models[-1].signature)


def _fitted(work: _Bench, user: sample_files.Samples | None) -> Arrays | None:
    first = work.models[0]
    if user is None:
        return None
    stored = preprocessing.stored(first.path, first.plugin.key) if first.path else None
    return sample_files.fit(replace(user, preprocessing=stored), first.signature)


def _plan(work: _Bench, shapes: str, grid: Sequence[str], user: Arrays | None) -> None:
    """Work out the sizes of every case; what nobody says is as in the samples, but for the number of rows."""
    signature = work.models[0].signature
    leads = {spec.shape[0] for spec in signature.inputs if spec.shape}
    seen = sizes_in(signature, user) if user else {}
    examples = {symbol: size for symbol, size in seen.items() if symbol not in leads}
    signatures, titles = [model.signature for model in work.models], [model.title for model in work.models]
    work.sizes = plan_cases(signatures, titles, shapes, grid, examples)


def _find_variants(work: _Bench, wanted: Sequence[str]) -> None:
    """Make the variants of all models and give each a name of its own."""
    settings = work.settings
    for model in work.models:
        for one in runnables(model, providers=settings.providers, variants=wanted, threads=settings.threads):
            taken = sum(other.record.name.split(" #")[0] == one.record.name for other in work.found)
            name = f"{one.record.name} #{taken + 1}" if taken else one.record.name
            work.found.append(replace(one, record=msgspec.structs.replace(one.record, name=name)))


def _draw(work: _Bench, user: Arrays | None) -> list[Arrays]:
    """Draw the inputs of every case, and run each variant once on them: what fails does so before anything is measured.

    Notes for each case how long it takes to open all variants and run them once.
    """
    first = work.models[0]
    base = first.samples(0) if user is None else user
    drawn = [inputs_at(first.signature, first.ranges, sizes, base) for sizes in work.sizes]
    work.seconds_to_open = [0.0] * len(drawn)
    for one in work.found:
        work.say(f"trying {one.record.name}", 0.0)
        start = time.perf_counter()
        prepare = one.open()
        opened = time.perf_counter() - start
        for number, arrays in enumerate(drawn):
            start = time.perf_counter()
            prepare(_arrays_for(work, one, arrays))
            work.seconds_to_open[number] += opened + time.perf_counter() - start
    return drawn


def _arrays_for(work: _Bench, one: Runnable, drawn: Arrays) -> Arrays:
    return cast(drawn, match(work.models[0].signature, one.model.signature, one.model.title))


def _measure(work: _Bench, drawn: Sequence[Arrays], steps: int) -> None:
    """Measure case by case; an interrupted one is kept when it has a few rounds."""
    for number, (sizes, arrays) in enumerate(zip(work.sizes, drawn, strict=True)):
        parts: list[Times] = []

        def say(
            part: float, number: int = number, label: str = show(shapes_at(work.models[0].signature, sizes))
        ) -> None:
            work.say(label, (number + part) / steps)

        try:
            _measure_case(work, arrays, work.seconds_to_open[number], parts, say)
        finally:
            parts = [part for part in parts if part and _rounds(part)]
            if sum(map(_rounds, parts)) >= _FEWEST_ROUNDS:
                work.cases.append(_case(work, sizes, parts))


def _measure_case(
    work: _Bench, arrays: Arrays, to_open: float, parts: list[Times], say: Callable[[float], None]
) -> None:
    """Open all variants several times, and measure some rounds of each opening, which are kept as they come."""
    settings = work.settings
    budget = settings.seconds or timing.SECONDS_PER_CALL * len(work.found)
    openings = openings_for(settings.rounds, budget, to_open)
    by_name = {one.record.name: one for one in work.found}

    for number in range(openings):

        def progress(part: float, number: int = number) -> None:
            say((number + part) / openings)

        progress(0.0)
        names = timing.order(list(by_name), number)
        opened = {name: by_name[name].open()(_arrays_for(work, by_name[name], arrays)) for name in names}
        parts.append({})
        timing.interleave(
            {name: opened[name] for name in by_name},
            rounds=None if settings.rounds is None else _share(settings.rounds, openings, number),
            seconds=budget / openings,
            warmup=settings.warmup,
            fewest=_FEWEST_ROUNDS,
            progress=progress,
            into=parts[-1],
        )
        del opened  # the sessions of one opening must be gone before those of the next come


def openings_for(rounds: int | None, seconds: float, to_open: float) -> int:
    """Return how often the models are opened for one case: ten times, or less often where that would take the longer part.

    Args:
        rounds: asked for; each opening has at least two.
        seconds: the time for measuring.
        to_open: the seconds to open all variants and run them once.
    """
    most = _OPENINGS if rounds is None else min(_OPENINGS, rounds // _FEWEST_ROUNDS)
    return min(most, max(_FEWEST_OPENINGS, int(seconds / max(to_open, 1e-9))))


def _share(rounds: int, openings: int, number: int) -> int:
    return rounds // openings + (number < rounds % openings)


def _rounds(part: Times) -> int:
    return len(next(iter(part.values())))


def _case(work: _Bench, sizes: Mapping[str, int], parts: Sequence[Times]) -> Case:
    shapes = shapes_at(work.models[0].signature, sizes)
    count = samples_in(shapes)
    times = {name: [second for part in parts for second in part[name]] for name in parts[0]}
    openings = [_rounds(part) for part in parts]
    baseline = next(iter(times.values()))
    timings = []
    for number, (name, seconds) in enumerate(times.items()):
        p50, p90, p99 = (float(value) for value in np.quantile(seconds, (0.5, 0.9, 0.99)))
        compared = timing.ratio(seconds, baseline, openings=openings) if number else None
        timings.append(Timing(name, len(seconds), p50, p90, p99, count / p50, compared))
    lists = {name: list(shape) for name, shape in shapes.items()}
    return Case(show(shapes), dict(sizes), lists, count, len(parts), timings)


def _measure_memory(work: _Bench, inputs: Sequence[str]) -> None:
    """Run each variant in a process of its own, at the largest shape."""
    signature = work.models[0].signature
    largest = max((shapes_at(signature, sizes) for sizes in work.sizes), key=elements_in)
    for number, one in enumerate(work.found):
        part = (len(work.sizes) + number / len(work.found)) / (len(work.sizes) + 1)
        work.say(f"memory of {one.record.name}", part)
        own = renamed(largest, match(signature, one.model.signature, one.model.title))
        lists = {name: list(shape) for name, shape in own.items()}
        settings = work.settings
        said = [] if one.model.plugin.key == HUB else list(inputs)
        job = job_for(one.model, one.record, said, lists, settings.threads, settings.affinity)
        peak = measure_peak(job) if job else "the model is in memory, which only this process has"
        if isinstance(peak, int):
            work.peaks[one.record.name] = peak
        else:
            work.notes.append(f"no peak memory of {one.record.name}: {peak}")
    work.say("done", 1.0)


def _report(work: _Bench, interrupted: bool, command: str) -> BenchReport:
    records = [msgspec.structs.replace(one.record, peak_bytes=work.peaks.get(one.record.name)) for one in work.found]
    if interrupted:
        work.notes.append("interrupted: the report holds what was measured until then")
    return BenchReport(
        variants=records,
        cases=work.cases,
        settings=work.settings,
        machine=process.machine(),
        versions=process.versions()
        | {name: number for model in work.models for name, number in model.plugin.versions().items()},
        interrupted=interrupted,
        notes=work.notes,
        command=command,
    )
