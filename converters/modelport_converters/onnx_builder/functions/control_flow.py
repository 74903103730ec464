"""Loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from modelport_converters.onnx_builder.graph import Graph, Value


def loop(
    graph: Graph,
    count: int | Value,
    state: Sequence[Value],
    body: Callable[..., tuple[Value | None, Sequence[Value]]],
) -> list[Value]:
    """A Loop over `body(iteration, *state)`, which returns whether to go on (None: always) and the next state.

    Arguments:
        count: the greatest number of rounds.
        state: what the body is given and gives back, with the same dtypes and ranks each round.
    """
    inner = graph.child()
    given = [Value(inner, inner.name("state"), one.dtype) for one in state]
    iteration, proceed = Value(inner, inner.name("iteration"), "int64"), Value(inner, inner.name("proceed"), "bool")
    goes_on, results = body(iteration, *given)
    ends = [inner.op("Identity", one) for one in (proceed if goes_on is None else goes_on, *results)]
    written = inner.body([iteration, proceed, *given], ends, scalars=2)
    rounds = np.int64(count) if isinstance(count, int) else count
    return graph.ops("Loop", rounds, np.True_, *state, dtypes=[one.dtype for one in state], body=written)
