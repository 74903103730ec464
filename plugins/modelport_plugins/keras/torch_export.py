"""Export under the torch backend, by torch.onnx.export."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
from typing import TYPE_CHECKING, Any

from modelport.errors import CannotConvert
from modelport_plugins.keras.backend import inference
from modelport_plugins.keras.error_text import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx_ir as ir

    from modelport.signature import Signature
    from modelport_plugins.keras.interface import Interface

_OPSETS = (18, 23)
"""What torch.onnx.export writes by way of torch.export."""


def exported(called: Interface, signature: Signature, opset: int) -> ir.Model:
    """Export a model; weights are shared with it, not copied.

    Raises:
        CannotConvert: when torch.export cannot trace the model, or only with a symbolic dimension fixed.
    """
    torch = importlib.import_module("torch")
    try:
        with inference(called.model), _quiet():
            program = torch.onnx.export(
                _flat(torch, called),
                _example(torch, called, signature),
                dynamic_shapes={"tensors": _dynamic_shapes(torch, signature)},
                input_names=[spec.name for spec in signature.inputs],
                output_names=[spec.name for spec in signature.outputs],
                opset_version=min(max(opset, _OPSETS[0]), _OPSETS[1]),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        raise CannotConvert(
            f"PyTorch's exporter failed too: {_root_cause(error)}",
            where=type(called.model).__name__,
            remedy="change the line of the model that the message names, or write the layer with keras.ops",
        ) from error
    return _conforming(program.model, signature)


def _flat(torch: Any, called: Interface) -> Any:
    """Return the model as a module of its input tensors."""

    class Flat(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = called.model

        def forward(self, *tensors: Any) -> tuple[Any, ...]:
            return tuple(value.clone() for value in called.call(tensors))  # keeps apart what is returned twice

    return Flat()


def _example(torch: Any, called: Interface, signature: Signature) -> tuple[Any, ...]:
    """Build the inputs to trace with; a dimension of size 1 would be taken for a broadcast one."""
    device = next((weight.device for weight in called.model.parameters()), "cpu")
    sizes = {symbol: max(2, signature.size_of(symbol)) for symbol in signature.symbols}
    return tuple(
        torch.ones([sizes.get(str(size), size) for size in spec.shape or ()], dtype=getattr(torch, spec.dtype)).to(
            device
        )
        for spec in signature.inputs
    )


def _dynamic_shapes(torch: Any, signature: Signature) -> tuple[dict[int, Any], ...]:
    """Mark every symbolic dimension as one that must stay dynamic; torch then raises rather than fix it."""
    dynamic = torch.export.Dim.DYNAMIC
    return tuple(
        {axis: dynamic for axis, size in enumerate(spec.shape or ()) if isinstance(size, str)}
        for spec in signature.inputs
    )


def _conforming(model: ir.Model, signature: Signature) -> ir.Model:
    """Give the graph the dimensions of the signature, and names that collide with no input or output."""
    import onnx_ir as ir

    graph = model.graph
    for value, spec in zip((*graph.inputs, *graph.outputs), (*signature.inputs, *signature.outputs), strict=True):
        value.name = spec.name
        if spec.shape is not None:
            value.shape = ir.Shape(list(spec.shape))
    interface = {*map(id, graph.inputs), *map(id, graph.outputs)}
    for index, node in enumerate(graph.all_nodes()):
        node.metadata_props.clear()  # paths of the machine that exported
        for place, value in enumerate(node.outputs):
            if id(value) not in interface:
                value.name, value.shape = f"value_{index}_{place}", None  # its symbols are the exporter's
    return model


def _root_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from printing, logging and warning of its own internals; what fails is raised anyway."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            for category in (FutureWarning, DeprecationWarning, UserWarning):
                warnings.simplefilter("ignore", category)
            yield
    finally:
        logging.disable(disabled)
