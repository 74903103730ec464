"""ResNet-18 and MobileNetV3-Small over shapes: PyTorch and ONNX Runtime, fixed and dynamic axes, plain and optimised."""

import statistics
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import msgspec
from torch import nn

import modelport
from experiments.nets import MobileNetV3Small, ResNet18, ready
from experiments.records import Claim, Plan, conclusions, listed, named, table, times
from modelport.workbench.bench import BenchReport, bench
from modelport.workbench.bench.plot import draw as draw_bench
from modelport.workbench.bench.records import Case, Timing
from modelport.workbench.optimize import Graph, optimize

NETWORKS: Mapping[str, type[nn.Module]] = {"ResNet-18": ResNet18, "MobileNetV3-Small": MobileNetV3Small}
BATCHES = (1, 16)
SIZES = (32, 64, 128, 256, 512)
QUICK_SHAPES = ((1, 32), (1, 128), (16, 64))
DYNAMIC, OPTIMISED, FIXED, BOTH, PYTORCH = VARIANTS = (
    "dynamic axes", "dynamic axes, optimised", "fixed axes", "fixed axes, optimised", "PyTorch",
)  # fmt: skip
SAME = 1.05  # the largest ratio that is called no difference


class Network(msgspec.Struct, frozen=True):
    """What was measured of one network.

    Attributes:
        bench: the variants of `VARIANTS` at every shape.
        plain, optimised: the graphs with dynamic axes.
        difference: the largest absolute difference of any proof between PyTorch and ONNX Runtime.
    """

    name: str
    parameters: int
    bench: BenchReport
    plain: Graph
    optimised: Graph
    difference: float


class Result(msgspec.Struct, frozen=True):
    """All networks."""

    networks: list[Network]


def measure(out: Path, plan: Plan) -> Result:
    """Export, optimise and time each network."""
    return Result([_network(name, out / name.lower(), plan) for name in NETWORKS])


def _network(name: str, out: Path, plan: Plan) -> Network:
    shapes = QUICK_SHAPES if plan.quick and not plan.sizes else tuple(product(BATCHES, plan.sizes or SIZES))
    settings = {"threads": plan.threads, "memory": False, "seconds": 3 if plan.quick else 10}
    model = ready(NETWORKS[name])
    dynamic = "image:float32[N,3,H=64,W=64]"
    files, differences, graphs = _export(model, dynamic, out, "dynamic")
    cases: list[BenchReport] = []
    for batch, size in shapes:
        fixed, difference, _ = _export(
            model, f"image:float32[{batch},3,{size},{size}]", out / f"{batch}x{size}", "fixed"
        )
        differences += difference
        grid = [f"N={batch}", f"H={size}", f"W={size}"]
        cases.append(bench(*files, *fixed, model, grid=grid, inputs=[dynamic], **settings))
        print(f"{name} {batch}x3x{size}x{size}: measured", flush=True)
    together = msgspec.structs.replace(cases[0], cases=[case for report in cases for case in report.cases])
    parameters = sum(each.numel() for each in model.parameters())
    return Network(name, parameters, named(together, VARIANTS), *graphs, max(differences))


def _export(model: nn.Module, spec: str, out: Path, stem: str) -> tuple[list[Path], list[float], list[Graph]]:
    """Convert and optimise; returns both files, the difference to PyTorch, and both graphs."""
    out.mkdir(parents=True, exist_ok=True)
    plain, optimised = out / f"{stem}.onnx", out / f"{stem}-optimized.onnx"
    proof = modelport.convert(model, output=plain, inputs=[spec], proof_seconds=0).report.proofs[0]
    report = optimize(plain, optimised, proof_seconds=0, timing_seconds=0)
    return [plain, optimised], [proof.max_abs], [report.before, report.after]


def draw(result: Result, images: Path) -> None:
    """Draw the times of each network over the sizes."""
    for network in result.networks:
        draw_bench(network.bench, images / _image(network))


def markdown(result: Result) -> str:
    """Return a table for each network, then the conclusions."""
    return "\n\n".join([*(_section(network) for network in result.networks), conclusions(claims(result))])


def claims(result: Result) -> list[Claim]:
    """Judge the tutorials' four sentences by our figures."""
    against = dict(_ratios(result, PYTORCH))
    slower = [label for label, timing in against.items() if timing.ratio.low <= 1]
    advantage = {label: timing.ratio.value for label, timing in against.items()}
    return [
        Claim(
            "ONNX Runtime is faster than PyTorch on a CPU at every size.",
            not slower,
            f"PyTorch takes {min(advantage.values()):.2f}x to {max(advantage.values()):.2f}x as long"
            + (f"; ONNX Runtime is not faster by more than noise at: {', '.join(slower)}." if slower else "."),
        ),
        _growth(result),
        _no_difference("Fixed and dynamic axes cost the same.", result, FIXED),
        _no_difference("Simplification changes nothing for ResNet-18 and MobileNetV3.", result, OPTIMISED),
    ]


def _growth(result: Result) -> Claim:
    """Compare the advantage at the smallest size with that at the largest, for each network and batch."""
    lines, grows = [], True
    for network in result.networks:
        for batch in sorted({case.samples for case in network.bench.cases}):
            cases = [case for case in network.bench.cases if case.samples == batch]
            small, large = (_timing(pick(cases, key=_side), PYTORCH).ratio.value for pick in (min, max))
            if len(cases) > 1:
                grows &= large > small
                lines.append(
                    f"{network.name}, batch {batch}: {small:.2f}x at the smallest, {large:.2f}x at the largest"
                )
    return Claim(
        "The advantage grows with the size of the image.",
        grows,
        f"PyTorch's time over ONNX Runtime's: {'; '.join(lines)}.",
    )


def _no_difference(text: str, result: Result, variant: str) -> Claim:
    """Judge whether a variant takes as long as the one with dynamic axes: no interval lies wholly further off than 5 %."""
    found = {label: timing.ratio for label, timing in _ratios(result, variant)}
    apart = {label: ratio.value for label, ratio in found.items() if ratio.high < 1 / SAME or ratio.low > SAME}
    evidence = f"median {statistics.median(ratio.value for ratio in found.values()):.3f}x over {len(found)} shapes"
    return Claim(text, not apart, evidence + (f"; more than 5 % apart at: {listed(apart)}." if apart else "."))


def _ratios(result: Result, variant: str) -> Iterator[tuple[str, Timing]]:
    for network in result.networks:
        for case in network.bench.cases:
            yield f"{network.name} {_shape(case)}", _timing(case, variant)


def _timing(case: Case, variant: str) -> Timing:
    return next(timing for timing in case.timings if timing.variant == variant)


def _section(network: Network) -> str:
    rows = [[_shape(case), *(times(case, variant) for variant in VARIANTS)] for case in network.bench.cases]
    return "\n\n".join(
        [
            f"**{network.name}**, {network.parameters:,} parameters; milliseconds per call, in brackets the time over "
            "that of the file with dynamic axes and its 95 % interval. Largest difference to PyTorch in any proof: "
            f"{network.difference:.1e}.",
            table(["N x 3 x H x W", *VARIANTS], rows),
            f"![{network.name}: time per call over the image's size](img/{_image(network)})",
            *_graphs(network.plain, network.optimised),
        ]
    )


def _graphs(before: Graph, after: Graph) -> list[str]:
    """Show what the optimisation changed, as the tutorials' tables of onnxsim do."""
    sizes = [f"{graph.size_bytes / 1e6:.2f}" for graph in (before, after)]
    names = sorted(before.operators.keys() | after.operators.keys())
    counts = [[name, *(str(graph.operators.get(name, 0)) for graph in (before, after))] for name in names]
    changed = [row for row in counts if row[1] != row[2]]
    if not changed:
        return [
            f"`modelport optimize` found nothing to do: {before.nodes} nodes, {sizes[0]} MB before and {sizes[1]} MB after."
        ]
    rows = [*changed, ["all nodes", str(before.nodes), str(after.nodes)], ["size, MB", *sizes]]
    return ["What `modelport optimize` changed:", table(["operator", "before", "after"], rows)]


def _shape(case: Case) -> str:
    return "x".join(map(str, next(iter(case.shapes.values()))))


def _side(case: Case) -> int:
    return case.sizes["H"]


def _image(network: Network) -> str:
    return f"tutorial_{network.name.lower()}.svg"
