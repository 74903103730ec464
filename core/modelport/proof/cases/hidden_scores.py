"""The scores that a graph chooses labels by, where they are no output of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from modelport.proof.cases.graph_index import PASS_ON, GraphIndex
from modelport.session import Session, open_session

Scores = Callable[[str, Mapping[str, NDArray[Any]]], NDArray[Any]]

_THROUGH = (*PASS_ON, "LabelEncoder")


def no_scores(output: str, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Raise LookupError: nothing is known of scores."""
    raise LookupError(output)


def scores_of(path: Path) -> Scores:
    """Return what runs an ONNX file up to the scores of an output of labels; it raises LookupError for other outputs."""

    @cache
    def opened(output: str) -> tuple[str, Session]:
        name = _scores(GraphIndex(onnx.load(str(path), load_external_data=False).graph), output)
        if name is None:
            raise LookupError(output)
        return name, open_session(path, exact=True, outputs=[name])

    def run(output: str, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        name, session = opened(output)
        return np.asarray(session.run(arrays)[name])

    return run


def _scores(index: GraphIndex, output: str) -> str | None:
    """Return the value that an ArgMax chooses from, for an output of its indices or of labels looked up with them."""
    _, node = index.origin(output, _THROUGH)
    while index.is_lookup(node):
        _, node = index.origin(node.input[1], _THROUGH)
    return node.input[0] if node is not None and node.op_type == "ArgMax" else None
