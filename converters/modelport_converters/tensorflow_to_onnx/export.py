"""A TensorFlow computation to ONNX, on tf2onnx.

tf2onnx's own `from_function` is not used: it takes constants that a function captures for inputs of the model, knows no
lookup tables, and reports success when operators are left over. The stages below are the ones that it goes through.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_ir as ir
import tensorflow as tf
from onnx import defs
from onnx_ir.passes import common as passes
from tf2onnx import tfonnx

from modelport.errors import CannotConvert, UnsupportedOps
from modelport_converters.onnx_graph.schemas import nodes_in
from modelport_converters.tensorflow_to_onnx import handlers as handlers  # registers them
from modelport_converters.tensorflow_to_onnx.detached_weights import DOMAIN, Weight, attach, set_apart, stand_in
from modelport_converters.tensorflow_to_onnx.handler import NEWEST_OPSET
from modelport_converters.tensorflow_to_onnx.newer_opset import settled
from modelport_converters.tensorflow_to_onnx.passes.fusion import fuse_functions
from modelport_converters.tensorflow_to_onnx.passes.global_pooling import pool_means
from modelport_converters.tensorflow_to_onnx.passes.layout_optimizer import remove_transposes
from modelport_converters.tensorflow_to_onnx.passes.loop_invariants import simplify_loops
from modelport_converters.tensorflow_to_onnx.passes.pad_fusion_guard import keep_padding
from modelport_converters.tensorflow_to_onnx.passes.recurrent_fusion import write_recurrent
from modelport_converters.tensorflow_to_onnx.passes.redundant_reshapes import drop_reshapes
from modelport_converters.tensorflow_to_onnx.tf2onnx_optimizers import optimized
from modelport_converters.tensorflow_to_onnx.tracing.freezing import frozen, node_defs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from modelport_converters.tensorflow_to_onnx.interface_names import Port

DETACHED_BYTES = 2**14
"""Weights from this size on stay outside the graph: there, TensorFlow and tf2onnx copy them many times."""

_PROGRAMS = {
    **dict.fromkeys(("PyFunc", "PyFuncStateless", "EagerPyFunc"), "runs Python code"),
    "XlaCallModule": "runs a compiled JAX function",
}
"""Operators that hide a program from TensorFlow."""

_MAKE_SURE = "make_sure failure: "
"""What tf2onnx puts before its reasons."""


def export(
    call: Callable[..., Sequence[tf.Tensor]],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    *,
    opset: int,
    owner: Any,
    weights: Sequence[Weight] = (),
) -> ir.Model:
    """Trace a flat callable and translate it.

    Args:
        call: takes one tensor for each input, then one for each weight; returns one tensor for each output.
        inputs: traced with their sizes; a symbolic dimension is of unknown size.
        outputs: their names, and names for dimensions that the trace leaves open.
        opset: of the default domain, lowered to `NEWEST_OPSET`.
        owner: the trackable object that holds the variables and lookup tables of `call`.
        weights: what is attached after the translation, lazily.

    Raises:
        UnsupportedOps: with every operator that has no ONNX form.
        CannotConvert: for a frozen graph of 2 GB.
    """
    with quiet() as failures, tf.device("/cpu:0"):
        function = _trace(call, inputs, weights)
        _refuse_programs(function.graph.as_graph_def())
        graph = _translate(function, inputs, outputs, min(opset, NEWEST_OPSET), owner)
        model = settled(set_apart(graph.make_model("", graph_name="model")), opset)
    refuse_unmapped(model, failures)
    _set_interface(model, function, inputs, outputs)
    return finished(attach(model, weights))


def finished(model: ir.Model) -> ir.Model:
    """Improve in place what tf2onnx leaves: layout changes, functions in steps, padding that ONNX Runtime takes wrongly."""
    passes.ShapeInferencePass(check_type=False, strict_mode=False)(model)
    remove_transposes(model)
    simplify_loops(model)
    write_recurrent(model)
    pool_means(model)
    drop_reshapes(model)
    fuse_functions(model)
    keep_padding(model.graph)
    return model


def _trace(call: Callable[..., Sequence[tf.Tensor]], inputs: Sequence[Port], weights: Sequence[Weight]) -> Any:
    # identities keep apart outputs that are inputs, or that are one tensor
    def flat(*tensors: tf.Tensor) -> list[tf.Tensor]:
        return [tf.identity(tensor) for tensor in call(*tensors, *map(stand_in, weights))]

    return tf.function(flat, autograph=False).get_concrete_function(*map(tensor_spec, inputs))


def tensor_spec(port: Port) -> tf.TensorSpec:
    """Return TensorFlow's specification of an input, symbolic dimensions of unknown size."""
    shape = None if port.shape is None else [None if isinstance(size, str) else size for size in port.shape]
    return tf.TensorSpec(shape, tf.as_dtype(port.dtype))


def _translate(function: Any, inputs: Sequence[Port], outputs: Sequence[Port], opset: int, owner: Any) -> Any:
    sources = [tensor.name for tensor in function.inputs[: len(inputs)]]
    targets = [tensor.name for tensor in function.outputs]
    names = {name: port.name for name, port in zip([*sources, *targets], [*inputs, *outputs], strict=True)}
    graph, tables = frozen(function, sources, targets, owner)
    _refuse_bfloat16(graph)

    def process() -> Any:
        with tf.Graph().as_default() as imported:
            tf.import_graph_def(graph, name="")
            return tfonnx.process_tf_graph(
                imported,
                continue_on_error=True,  # so that all operators without a form are found, not only the first
                opset=opset,
                input_names=sources,
                output_names=targets,
                tensors_to_rename=names,
                initialized_tables=tables,
            )

    return optimized(process)


def _refuse_programs(graph: Any) -> None:
    nodes = [node for node in node_defs(graph) if node.op in _PROGRAMS]
    found = [f"{node.op}, node {node.name!r}: {_PROGRAMS[node.op]}" for node in nodes]
    if found:
        remedy = "replace tf.py_function, tf.numpy_function and functions of JAX by TensorFlow operations"
        raise UnsupportedOps(found, remedy=remedy)


def _refuse_bfloat16(graph: Any) -> None:
    """Refuse what tf2onnx would compute in float16, which has another range."""
    bfloat16 = tf.bfloat16.as_datatype_enum
    found = [node.name for node in node_defs(graph) if any(value.type == bfloat16 for value in node.attr.values())]
    if found:
        raise CannotConvert(
            "the model computes in bfloat16, for which tf2onnx has no form",
            where=f"{len(found)} nodes, the first of them {found[0]!r}",
            remedy="build the model with the dtype policy float32 or mixed_float16 and load the same weights",
        )


def refuse_unmapped(model: onnx.ModelProto, failures: Mapping[str, str]) -> None:
    """Raise UnsupportedOps with every node that was left over or that failed."""
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


def _set_interface(model: onnx.ModelProto, function: Any, inputs: Sequence[Port], outputs: Sequence[Port]) -> None:
    """Give inputs and outputs their order and dimensions, and put back inputs that the computation does not use."""
    leading = {port.shape[0] for port in inputs if port.shape}
    batch = leading.pop() if len(leading) == 1 else None
    present = {value.name: value for value in model.graph.input}
    values = []
    for port, tensor in zip(inputs, function.inputs, strict=False):  # what follows are the captures
        value = present.get(port.name) or _value(port.name, tensor)
        if port.shape is not None:
            set_dims(value, port.shape)
        values.append(value)
    del model.graph.input[:]
    model.graph.input.extend(values)
    for value, port, tensor in zip(model.graph.output, outputs, function.outputs, strict=True):
        if tensor.shape.rank is not None:
            set_dims(value, _output_dims(port, tensor.shape.as_list(), batch))


def _output_dims(port: Port, traced: Sequence[int | None], batch: int | str | None) -> list[int | str]:
    """Return the traced sizes; an open one is the batch of the inputs, or what the signature calls it."""
    wanted = port.shape if port.shape is not None and len(port.shape) == len(traced) else [None] * len(traced)
    dims: list[int | str] = []
    for axis, (size, name) in enumerate(zip(traced, wanted, strict=True)):
        symbol = batch if axis == 0 and isinstance(batch, str) else name
        dims.append(size if size is not None else symbol if isinstance(symbol, str) else f"{port.name}_{axis}")
    return dims


def _value(name: str, tensor: tf.Tensor) -> onnx.ValueInfoProto:
    elem_type = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype.as_numpy_dtype))
    return onnx.helper.make_tensor_value_info(name, elem_type, tensor.shape.as_list())


def set_dims(value: onnx.ValueInfoProto, dims: Iterable[int | str]) -> None:
    """Declare the sizes of an input or output."""
    shape = value.type.tensor_type.shape
    del shape.dim[:]
    shape.SetInParent()  # a scalar has a shape without dimensions
    for size in dims:
        shape.dim.add(**({"dim_param": size} if isinstance(size, str) else {"dim_value": size}))


class _Failures(logging.Handler):
    """Collects the nodes that tf2onnx could not convert: it logs them and carries on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.reasons: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if "Failed to convert node" in record.msg and isinstance(record.args, tuple):
            error = record.exc_info[1] if record.exc_info else None
            self.reasons[str(record.args[0])] = (str(error) or repr(error)).splitlines()[0].removeprefix(_MAKE_SURE)


@contextlib.contextmanager
def quiet() -> Iterator[Mapping[str, str]]:
    """Keep the logs of tf2onnx and TensorFlow off the terminal and yield the nodes that failed, with reasons."""
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
