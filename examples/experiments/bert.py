"""A BERT encoder with random weights: PyTorch, ONNX, optimised, int8; time and size."""

from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import nn

import modelport
from experiments.records import Plan, named, table, times
from modelport.workbench.bench import BenchReport, bench
from modelport.workbench.bench.plot import draw as draw_bench
from modelport.workbench.optimize import optimize
from modelport.workbench.quantize import quantize

SEQUENCE = 128
BASE = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "vocab_size": 30522}
SMALL = {"num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 4, "vocab_size": 2000}
VARIANTS = ("ONNX", "ONNX, optimised", "ONNX, int8", "PyTorch")


class Result(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        config: of the encoder, as transformers names it.
        bench: the variants of `VARIANTS`, at batches of one and eight.
        sizes: of the files (of PyTorch: of the weights) in bytes, by variant.
        differences: the largest absolute difference to the model before, by variant.
        int8_error: the relative error of the int8 model, in the 2-norm.
    """

    config: dict[str, int]
    bench: BenchReport
    sizes: dict[str, int]
    differences: dict[str, float]
    int8_error: float


class Encoder(nn.Module):
    """The last hidden state [N,S,hidden] of tokens and their mask, both [N,S]."""

    def __init__(self, config: dict[str, int]) -> None:
        super().__init__()
        from transformers import BertConfig, BertModel

        shape = BertConfig(**config, intermediate_size=4 * config["hidden_size"])
        self.bert = BertModel(shape, add_pooling_layer=False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def measure(out: Path, plan: Plan) -> Result:
    """Make the variants and measure them."""
    config = SMALL if plan.quick else BASE
    torch.manual_seed(0)
    encoder = Encoder(config).eval()
    inputs = [f"{name}:int64[N,S={SEQUENCE}]" for name in ("input_ids", "attention_mask")]
    tokens = np.random.default_rng(0).integers(0, config["vocab_size"], (8, SEQUENCE))
    samples = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}

    plain, optimised, int8 = (out / f"bert{suffix}.onnx" for suffix in ("", "-optimized", "-int8"))
    converted = modelport.convert(encoder, output=plain, inputs=inputs, samples=samples, proof_seconds=0)
    fused = optimize(plain, optimised, level="transformer", samples=samples, proof_seconds=0, timing_seconds=0)
    # A hidden state decides nothing, so that its loss is its relative error alone.
    small = quantize(plain, int8, samples=samples, max_drop=100, proof_seconds=0, timing_seconds=0).report

    measured = bench(
        plain, optimised, int8, encoder, grid=["N=1,8"], samples=samples, inputs=inputs, threads=plan.threads, memory=False,
        seconds=4 if plan.quick else 20,
    )  # fmt: skip
    weights = sum(each.numel() * each.element_size() for each in encoder.parameters())
    sizes = [*(path.stat().st_size for path in (plain, optimised, int8)), weights]
    error = small.errors[0]
    differences = (converted.report.proofs[0].max_abs, fused.proof.max_abs, error.figures.max_abs)
    return Result(
        config,
        named(measured, VARIANTS),
        dict(zip(VARIANTS, sizes, strict=True)),
        dict(zip(VARIANTS, differences, strict=False)),
        error.error,
    )


def draw(result: Result, images: Path) -> None:
    """Draw the times of a single sequence."""
    single = msgspec.structs.replace(result.bench, cases=result.bench.cases[:1])
    draw_bench(single, images / "tutorial_bert.svg")


def markdown(result: Result) -> str:
    """Return the table of times and sizes."""
    config = result.config
    cases = result.bench.cases
    head = ["", *(f"batch {case.samples}, ms" for case in cases), "size, MB", "of ONNX", "largest difference"]
    plain = result.sizes["ONNX"]
    rows = [
        [
            name,
            *(times(case, name) for case in cases),
            f"{size / 1e6:.1f}",
            f"{size / plain:.2f}x",
            f"{result.differences[name]:.1e}" if name in result.differences else "",
        ]
        for name, size in result.sizes.items()
    ]
    return "\n\n".join(
        [
            f"An encoder of {config['num_hidden_layers']} layers, width {config['hidden_size']}, "
            f"{config['num_attention_heads']} heads and {config['vocab_size']:,} tokens, on sequences of {SEQUENCE}. In "
            "brackets: the time over that of the plain ONNX file with its 95 % interval. Differences are to the model each was "
            f"made from; that of int8 is {result.int8_error:.1%} in the 2-norm.",
            table(head, rows),
            "![Time per call of the four variants](img/tutorial_bert.svg)",
        ]
    )
