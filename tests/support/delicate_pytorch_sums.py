"""Right but delicate PyTorch modules: long sums, recurrences written out, ties, integers, sizes that the module refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from delicate_pytorch import Function, case, function
from torch import nn


def cholesky(_: Any, x: torch.Tensor) -> torch.Tensor:
    """Solve (B B' + I / 10) y = 1 by a Cholesky factorization written out, for 3 x 3 matrices B."""
    matrix, n = x @ x.transpose(1, 2) + torch.eye(3) / 10, 3
    factor = [[None] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[:, i, j] - sum(factor[i][k] * factor[j][k] for k in range(j))
            factor[i][j] = torch.sqrt(rest) if i == j else rest / factor[j][j]
    forward = []
    for i in range(n):
        forward.append((1 - sum(factor[i][k] * forward[k] for k in range(i))) / factor[i][i])
    solution = [None] * n
    for i in reversed(range(n)):
        solution[i] = (forward[i] - sum(factor[k][i] * solution[k] for k in range(i + 1, n))) / factor[i][i]
    return torch.stack(solution, 1)


def spectrum(self: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.sqrt((x @ self.cosine) ** 2 + (x @ self.sine) ** 2)


def waves(function: Callable[..., torch.Tensor]) -> Callable[[], torch.Tensor]:
    return lambda: function(torch.outer(torch.arange(64.0), torch.arange(33.0)) * (2 * torch.pi / 64))


def beams(self: Any, x: torch.Tensor) -> Any:
    """Two steps of a beam search over scores of equal tokens."""
    scores, tokens = torch.log_softmax(x.round(), -1).topk(3)
    total = (scores[:, :, None] + torch.log_softmax(x.round(), -1)[:, None]).flatten(1)
    best, place = total.topk(3)
    return best, place, scores, tokens


def scattered(self: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.zeros(x.shape[0], 3).scatter_add(1, self.places.expand(x.shape[0], -1), x)


def packed() -> nn.Module:
    return Function(
        lambda self, x: self.lstm(x)[0].sum(1), lstm=nn.LSTM(3, 6, num_layers=2, batch_first=True, bidirectional=True)
    )


ORDER = "float32 sums in another order"
SUMS = [
    function(
        "a system solved by Cholesky's recurrence",
        "recurrences",
        "the same recurrence; its condition number is the inputs'",
        cholesky,
        "x:float32[N,3,3]",
    ),
    function(
        "a spectrum by two products",
        "sums",
        ORDER,
        spectrum,
        "x:float32[N,64]",
        cosine=waves(torch.cos),
        sine=waves(torch.sin),
    ),
    function(
        "scores of beams that are tied",
        "ties",
        "of equal scores each side takes one, and their values are equal",
        beams,
        "x:float32[N,6]",
    ),
    function(
        "topk and sort of rounded scores",
        "ties",
        "of equal scores each side takes one, and their values are equal",
        lambda _, x: (*x.round().topk(3), *x.round().sort(dim=-1)),
        "x:float32[N,9]",
    ),
    function(
        "float additions to one place",
        "sums",
        ORDER,
        scattered,
        "x:float32[N,40]",
        places=lambda: (torch.arange(40) % 3)[None],
    ),
    case("a bidirectional lstm of 100 steps", "recurrences", "the same recurrence", packed, "x:float32[N,100,3]"),
    function(
        "long sums of one sign and of both",
        "sums",
        ORDER,
        lambda _, x: (x.cumsum(1), x.abs().mean(1), x.var(1), x.logsumexp(1)),
        "x:float32[N,5000]",
    ),
    case(
        "a wide float64 layer",
        "precisions",
        "rounding errors of 1e-16",
        lambda: nn.Linear(256, 3, dtype=torch.float64),
        "input:float64[N,256]",
    ),
    case(
        "a float16 mlp",
        "precisions",
        "each layer is rounded to float16, or spared the rounding",
        lambda: nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)).half(),
        "input:float16[N,16]",
    ),
    case(
        "a bfloat16 mlp",
        "precisions",
        "each layer is rounded to bfloat16, or spared the rounding",
        lambda: nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)).bfloat16(),
        "input:bfloat16[N,16]",
    ),
]

# --- integers, shapes, refusals ------------------------------------------------------------------

LEFT_OUT = "what the module refuses is no input of the model"


def words() -> nn.Module:
    return Function(lambda self, x: self.table(x).mean(1), table=nn.Embedding(11, 4, padding_idx=0))


def positions() -> nn.Module:
    return Function(
        lambda self, x: self.words(x) + self.places(torch.arange(x.shape[1])),
        words=nn.Embedding(11, 4),
        places=nn.Embedding(20, 4),
    )


SHAPES = [
    case("an embedding that refuses negative ids", "refusals", LEFT_OUT, words, "x:int64[N,5]"),
    case("positions up to the end of their table", "refusals", LEFT_OUT, positions, "x:int64[N,T=6]"),
    function(
        "integers that wrap",
        "integers",
        "integer arithmetic is exact",
        lambda _, x: (x * x + 3, x % 5, x >> 2),
        "x:int32[N,4]",
    ),
    function(
        "integers divided",
        "integers",
        "integer division is exact, downwards or towards zero",
        lambda _, x: (torch.div(x, 7, rounding_mode="floor"), torch.div(x, 7, rounding_mode="trunc")),
        "x:int32[N,4]",
    ),
    function(
        "rounding and thresholds",
        "thresholds",
        "halves go to even; both sides compare the very number fed",
        lambda _, x: (torch.round(x * 2.5), x > 0.5, torch.floor(x * 10), x.ceil(), torch.trunc(x)),
        "x:float32[N,6]",
    ),
    function(
        "floats beyond the integers",
        "casts",
        "a float beyond the range of the integer has no value in C: either answer is right",
        lambda _, x: ((x * 1e3).to(torch.int8), (x * 1e10).to(torch.int32)),
        "x:float32[N,6]",
    ),
    function(
        "places of what is positive, perhaps none",
        "shapes",
        "the places are listed row by row",
        lambda _, x: torch.nonzero(x > 0),
        "x:float32[N,5]",
    ),
    case(
        "a sequence folded in pairs",
        "refusals",
        LEFT_OUT,
        lambda: Function(lambda _, x: x.reshape(x.shape[0], 2, -1).mean(2)),
        "x:float32[N,6]",
    ),
]

CASES = [*SUMS, *SHAPES]
