"""Layer attribution: the Keras layer that an unsupported operator comes from, and what to use in its place."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelport.errors import UnsupportedOps
from modelport_plugins.keras.backend import import_keras

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelport_plugins.keras.interface import Interface

_NODE = re.compile(r"node '([^']+)'")
_NUMBERED = re.compile(r"__\d+$")
"""What tf2onnx appends to a name that is taken."""

_INSTEAD = {
    r"StringToHash|Fingerprint": "look the values up in a vocabulary (StringLookup, IntegerLookup) instead of hashing them",
    r"Svd|Qr|Cholesky|SelfAdjointEig|Eig|Lu|MatrixSolve|MatrixInverse|MatrixExponential|MatrixSquareRoot":
        "ONNX decomposes no matrices: compute this outside the model and pass the result in",
    r"Bessel|Lgamma|Digamma|Polygamma|Zeta|Igamma|Betainc|Ndtri|Erfinv":
        "write this special function as a polynomial or another approximation, with keras.ops",
    r"PyFunc|EagerPyFunc|NumpyFunction": "write the Python function with keras.ops",
    r"Xla": "write the layer with keras.ops instead of jax",
    r"Decode|Encode|ReadFile|WriteFile|ParseExample": "read and decode files outside the model and pass numbers in",
    r"Random|StatelessRandom|StatelessTruncated|StatelessMultinomial|TruncatedNormal|Multinomial":
        "leave random numbers out of inference: return the input when training is False",
}  # fmt: skip
_ELSE = (
    "write the layer with other operations of keras.ops, or leave this step out of the model and do it before or after"
)


@dataclass(frozen=True)
class _Owner:
    """The origin of a node: "the layer 'path' (Class)" and its TensorFlow operator; empty where unknown."""

    layer: str = ""
    operator: str = ""


@contextlib.contextmanager
def layers_named(called: Interface) -> Iterator[None]:
    """Add to an `UnsupportedOps` raised inside the layer of every operator, and what to use instead."""
    try:
        yield
    except UnsupportedOps as error:
        raise _refined(error, called) from error


def _refined(error: UnsupportedOps, called: Interface) -> UnsupportedOps:
    try:
        owners = _owners(called)
    except Exception:  # whatever a second trace raises: the first error says more
        return error
    lines: list[str] = []
    advice: dict[str, list[str]] = {}
    for line in error.ops:
        node = _NODE.search(line)
        owner = _owner(node[1], owners) if node else _Owner()
        operator = owner.operator if line.startswith("node ") else line.partition(",")[0]
        lines.append(f"{owner.layer}: {line}" if owner.layer else line)
        advice.setdefault(_instead(operator), []).append(owner.layer or "the model")
    remedy = ";\n    ".join(f"{', '.join(dict.fromkeys(layers))}: {text}" for text, layers in advice.items())
    return UnsupportedOps(lines, where=error.where, remedy=remedy)


def _instead(operator: str) -> str:
    return next((text for pattern, text in _INSTEAD.items() if re.match(pattern, operator)), _ELSE)


def _owner(node: str, owners: Mapping[str, _Owner]) -> _Owner:
    """Find whose operator a node was: by its name, by its name inside a loop or function, or by that of the loop."""
    name = _NUMBERED.sub("", node)
    parts = name.split("/")
    within = ("/".join(parts[start:]) for start in range(1, len(parts) - 1))
    for key in (name, *within):
        if key in owners:
            return owners[key]
    around = ("/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))
    return next((_Owner(owners[key].layer) for key in around if key in owners), _Owner())


def _owners(called: Interface) -> dict[str, _Owner]:
    """Trace the model once more and note which layer makes each operator.

    The name scopes of operators do not say it: the second scope of a layer `dense` is called like the layer `dense_1`.
    """
    import tensorflow as tf

    from modelport_converters.tensorflow_to_onnx.interface import tensor_spec

    operation = import_keras().Operation
    original = operation.__call__
    stack: list[Any] = []
    owners: dict[str, _Owner] = {}

    def recording(self: Any, *arguments: Any, **keywords: Any) -> Any:
        graph = tf.compat.v1.get_default_graph()
        first = len(graph.get_operations())
        stack.append(self)
        try:
            return original(self, *arguments, **keywords)
        finally:
            title = _title(stack)
            stack.pop()
            for made in graph.get_operations()[first:]:
                owners.setdefault(made.name, _Owner(title, made.type))  # the layers inside were here before

    operation.__call__ = recording
    try:
        function = tf.function(lambda *tensors: called.call(tensors), autograph=False)
        function.get_concrete_function(*map(tensor_spec, called.inputs))
    finally:
        operation.__call__ = original
    return owners


def _title(stack: list[Any]) -> str:
    """Name the innermost layer by its path; the model itself is the first of the stack."""
    path = "/".join(item.name for item in stack[1:] or stack)
    kind = "layer" if len(stack) > 1 else "model"
    return f"the {kind} {path!r} ({type(stack[-1]).__name__})"
