"""Nodes that tf2onnx could not convert: collected from its log, and refused all at once."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import tensorflow as tf
from onnx import defs

from modelport.errors import UnsupportedOps
from modelport.model import nodes_in
from modelport_converters.tensorflow_to_onnx.detached_weights import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import onnx

_MAKE_SURE = "make_sure failure: "
"""The prefix of tf2onnx's reasons."""


@contextlib.contextmanager
def collect_failures() -> Iterator[Mapping[str, str]]:
    """Keep the logs of tf2onnx and TensorFlow off the terminal; yield the reasons of nodes that failed, by their names."""
    log, tf_log, collector = logging.getLogger("tf2onnx"), tf.get_logger(), _Failures()
    kept, tf_level = (log.level, log.propagate, log.handlers[:]), tf_log.level
    log.setLevel(logging.ERROR)
    log.propagate, log.handlers = False, [collector]
    tf_log.setLevel(logging.ERROR)
    try:
        yield collector.reasons
    finally:
        log.setLevel(kept[0])
        log.propagate, log.handlers = kept[1:]
        tf_log.setLevel(tf_level)


def refuse_unconverted(model: onnx.ModelProto, failures: Mapping[str, str]) -> None:
    """Raise UnsupportedOps with every node that is no ONNX operator, and every one that failed."""
    versions = {opset.domain: opset.version for opset in model.opset_import}
    unmapped = {
        node.name: f"{node.op_type}, node {node.name!r}: no ONNX form is known for this TensorFlow operator"
        for node in nodes_in(model.graph.node)
        if node.domain != DOMAIN
        and (node.domain not in versions or not defs.has(node.op_type, versions[node.domain], node.domain))
    }
    failed = {name: f"node {name!r}: {reason}" for name, reason in failures.items()}
    if unmapped or failed:
        raise UnsupportedOps(
            list({**unmapped, **failed}.values()),
            remedy="a node's name says which layer it belongs to: use another layer there",
        )


class _Failures(logging.Handler):
    """Collects the nodes that failed: with `continue_on_error`, tf2onnx logs them and carries on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.reasons: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if "Failed to convert node" in record.msg and isinstance(record.args, tuple):
            error = record.exc_info[1] if record.exc_info else None
            self.reasons[str(record.args[0])] = (str(error) or repr(error)).splitlines()[0].removeprefix(_MAKE_SURE)
