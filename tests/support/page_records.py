"""One record of each kind that has a page, with names that would break a careless one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelport.errors import BadInput
from modelport.report import CaseResult, Figures, Proof, Report, Stage, failure
from modelport.workbench.bench.records import BenchReport, Case, Settings, Timing, Variant
from modelport.workbench.classes import Guess
from modelport.workbench.compare import Agreement, ComparedModel, CompareReport, SampleComparison
from modelport.workbench.optimize.records import Graph, OptimizeReport
from modelport.workbench.optimize.records import Speed as OptimizeSpeed
from modelport.workbench.quantize.records import Budget, OutputError, QuantizeReport, Sensitivity, Speed
from modelport.workbench.timing import Ratio

NAUGHTY = "<script>alert('1')</script>&\"'>"
LONG = "a_very_long_name_without_any_place_to_break_it_" * 4

FLOATS = Figures(
    NAUGHTY, 1200, max_abs=2e-7, max_rel=1.5e-6, mean_abs=3e-9, cosine=0.9999995,
    ratios=[700, 0, 0, 100, 300, 90, 0, 10, 0, 0, 0],
)  # fmt: skip
WRONG = Figures(
    LONG, 8, max_abs=4.0, max_rel=float("inf"), mean_abs=0.5, cosine=None, out_of_tolerance=3,
    reason="3 of 8 values beyond", ratios=[5, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
)  # fmt: skip
LABELS = Figures("label", 12, flips=2, reason="2 of 12 values differ")
STAGES = [Stage("load", 1.25), Stage("export", 0.5), Stage("prove", 0.25), Stage("deliver", 0.0)]


def conversion() -> Report:
    """Return a conversion that was proven in one part and failed in another."""
    cases = [CaseResult(f"normal, N={n}", {"N": n}, [FLOATS, WRONG, LABELS]) for n in (3, 1, 5)]
    proof = Proof(
        "failed", "Keras", "ONNX", 1e-3, 1e-5, 0.5, [FLOATS, WRONG, LABELS], cases,
        widened={"float16": (2e-3, 1e-3)}, refused=[f"{NAUGHTY}: refused"], notes=["a note"],
    )  # fmt: skip
    return Report(
        f"folder/{NAUGHTY}.keras", "0.1.0", route=["keras", "onnx"], target=f"{LONG}.onnx", opset=20, verdict="failed",
        source_sha256="0f" * 32, inputs=[f"{NAUGHTY}:float32[N,3]"], stages=STAGES, proofs=[proof, proof], notes=[NAUGHTY],
        warnings=["a warning"], versions={"onnx": "1.23.2"},
        error=failure(BadInput(f"it is {NAUGHTY}", where=NAUGHTY, remedy="do this")),
    )  # fmt: skip


def benchmark() -> BenchReport:
    """Return a benchmark of three variants over four sizes."""
    variants = [Variant(name, f"{name}.onnx", "ONNX", "cpu", "ONNX Runtime", 10**8) for name in ("a", NAUGHTY, LONG)]
    cases = []
    for size in (32, 64, 128, 256):
        times = {"a": 1e-6 * size**2, NAUGHTY: 0.7e-6 * size**2, LONG: 2e-6 * size**2}
        timings = [
            Timing(
                name, 40, p50, 1.1 * p50, 1.3 * p50, 1 / p50, None if name == "a" else Ratio(p50 / times["a"], 0.6, 2.2)
            )
            for name, p50 in times.items()
        ]
        cases.append(Case(f"x=1x3x{size}x{size}", {"S": size}, {"x": [1, 3, size, size]}, 1, 5, timings))
    setting = Settings(2, [0, 1], ["CPUExecutionProvider"], 3, None, 2.0)
    return BenchReport(
        variants, cases, setting, "a machine", {"python": "3.11"}, True, ["a note"], "modelport bench a b"
    )


def quantisation() -> QuantizeReport:
    """Return a quantisation within its budget."""
    return QuantizeReport(
        "modelport quantize", f"{NAUGHTY}.onnx", "static", "0.1.0", Budget(0.1, 0.5), target="q.onnx", status="delivered",
        verdict="within budget", opset_before=20, opset=21, size_before_bytes=1_400_000, size_bytes=380_000,
        files=["q.onnx"], left_by_auto=[NAUGHTY], sensitivities=[Sensitivity((NAUGHTY,), 0.2)], quantized=["b"],
        excluded=[LONG], ops_before={"Conv": 2, "Relu": 3}, ops_after={"Conv": 2, "Relu": 2, "QuantizeLinear": 6},
        reference="r", candidate="c", cases=12,
        errors=[OutputError(FLOATS, 0.031, 120, 0.4, True, 3, 0.99, 98.2, 97.9), OutputError(LABELS, None, 12, 1.0)],
        speed=Speed(0.003, 0.0021, Ratio(0.7, 0.68, 0.73), {"N": 1}, 30), stages=STAGES, versions={"onnx": "1.23.2"},
    )  # fmt: skip


def optimisation() -> OptimizeReport:
    """Return an optimisation that was proven and is faster."""
    proof = Proof("proven", "s", "c", 1e-3, 1e-5, 0.5, [FLOATS], [CaseResult("normal", {"N": 3}, [FLOATS])])
    return OptimizeReport(
        "modelport optimize", f"{NAUGHTY}.onnx", "ort", False, "0.1.0", target="o.onnx", status="delivered", verdict="proven",
        opset=20, before=Graph(9, {"Conv": 2, "Relu": 7}, 1000), after=Graph(3, {"com.microsoft.FusedConv": 2, "Relu": 1}, 900),
        proof=proof, speed=OptimizeSpeed(0.003, 0.0021, Ratio(0.7, 0.68, 0.73), [f"{NAUGHTY}:float32[1,{LONG}]"], 30),
        files=["o.onnx"], stages=STAGES, notes=["a note"], versions={"onnx": "1.23.2"},
    )  # fmt: skip


def comparison() -> CompareReport:
    """Return a comparison in which one sample is decided otherwise."""
    models = [ComparedModel("a.keras", "a.keras", "keras", "y"), ComparedModel(NAUGHTY, NAUGHTY, "onnx", LONG, True)]
    rows = [
        SampleComparison(
            f"{NAUGHTY}-{index}.jpg",
            [[Guess(1, NAUGHTY, 0.9), Guess(2, LONG, 0.05)]] * 2,
            [True, index > 0],
            0.1 / (index + 1),
            0,
        )
        for index in range(20)
    ]
    agreement = Agreement(NAUGHTY, "a.keras", 0.95, 0.98, 0.1, 0, [FLOATS, WRONG])
    return CompareReport(models, "photos/", 20, "imagenet", 2, True, [agreement], rows, 3.2, ["a note"])


RECORDS: dict[str, Callable[[], Any]] = {
    "convert": conversion,
    "bench": benchmark,
    "optimize": optimisation,
    "quantize": quantisation,
    "compare": comparison,
    "a failure": lambda: failure(BadInput(NAUGHTY, where=NAUGHTY, remedy=NAUGHTY)),
}
