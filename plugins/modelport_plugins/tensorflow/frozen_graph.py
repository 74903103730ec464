"""Frozen graphs: a GraphDef whose variables were converted to constants."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modelport.errors import InvalidOption, SourceUnreadable, UnsupportedOps, nearest
from modelport_converters.tensorflow_to_onnx.quiet_import import import_tensorflow
from modelport_plugins.tensorflow.safety import operators
from modelport_plugins.tensorflow.safety.sizes import require_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from modelport.spec import Options

_VARIABLES = {"Variable", "VariableV2", "VarHandleOp"}
_NO_OUTPUT = {"NoOp", "Assert", "Placeholder", "PlaceholderWithDefault", "Const", "HashTableV2", "MutableHashTableV2"}
"""Operators that are no outputs, though nothing consumes them."""


class FrozenGraph:
    """A frozen graph with chosen inputs and outputs.

    Attributes:
        graph: the GraphDef of what the outputs depend on.
        inputs, outputs: names of tensors, such as x:0.
        output_names: the outputs' names as identifiers.
        signatures: the function under the name of the default signature.
    """

    def __init__(self, graph: Any, feeds: Sequence[Any], fetches: Sequence[Any]) -> None:
        tf = import_tensorflow()
        nodes = list(dict.fromkeys(tensor.op.name for tensor in (*feeds, *fetches)))
        self.graph = tf.compat.v1.graph_util.extract_sub_graph(graph, nodes)
        self.inputs, self.outputs = ([tensor.name for tensor in tensors] for tensors in (feeds, fetches))
        self.output_names = [_identifier(tensor) for tensor in fetches]
        # pruned, it runs without the control dependencies of a tf.function, which cannot look into the loops of TensorFlow 1
        wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(self.graph, name=""), [])
        inputs, outputs = (list(map(wrapped.graph.get_tensor_by_name, names)) for names in (self.inputs, self.outputs))
        pruned = wrapped.prune(inputs, outputs)
        specs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=_identifier(tensor)) for tensor in feeds]
        flat = tf.function(lambda *tensors: list(pruned(*tensors)), input_signature=specs, autograph=False)
        self.signatures = {"serving_default": flat.get_concrete_function()}

    def imported(self, *tensors: Any) -> list[Any]:
        """Import the graph on tensors in the place of its inputs; return its outputs."""
        fed = dict(zip(self.inputs, tensors, strict=True))
        tf = import_tensorflow()
        return list(tf.graph_util.import_graph_def(self.graph, input_map=fed, return_elements=self.outputs, name=""))


def read(source: Path, options: Options) -> FrozenGraph:
    """Read a GraphDef, binary or as text.

    Raises:
        SourceUnreadable: when it is none, when it holds variables, or when its inputs and outputs are not plain to see.
        InvalidOption: when it lacks a tensor that was asked for.
        UnsupportedOps: when it holds an operator that this TensorFlow does not know.
    """
    tf = import_tensorflow()
    graph = _parsed(source)
    _refuse_variables(graph, source)
    if not options.trust:
        operators.check_graph(graph, str(source))
    with tf.Graph().as_default() as whole:
        try:
            tf.graph_util.import_graph_def(graph, name="")
        except Exception as error:
            if "not registered" in str(error):
                raise unknown_operator(error, source) from error
            raise _damaged(source, error) from error
    require_shapes(whole, str(source))
    feeds = _tensors(whole, options["inputs"] or ",".join(_inputs(graph)), "inputs", source)
    fetches = _tensors(whole, options["outputs"] or ",".join(_outputs(graph, options)), "outputs", source)
    if not fetches:
        raise SourceUnreadable(
            "which tensors are the outputs is not plain to see", where=str(source), remedy="pass -O outputs=NAME:0"
        )
    return FrozenGraph(graph, feeds, fetches)


def unknown_operator(error: Exception, source: Path) -> UnsupportedOps:
    """Return the error for a graph with an operator that this TensorFlow has not registered."""
    # Op type not registered 'X' in binary running on ...
    operator = str(error).partition("not registered")[2].split("'")[1:2]
    return UnsupportedOps(
        [f"{' '.join(operator) or 'an operator'}: this TensorFlow does not know it"],
        where=str(source),
        remedy="load its library first (tf.load_op_library) and pass the loaded model to modelport.convert",
    )


def _parsed(source: Path) -> Any:
    from google.protobuf import text_format

    tf = import_tensorflow()
    graph, content = tf.compat.v1.GraphDef(), source.read_bytes()
    try:
        if source.suffix == ".pbtxt":
            text_format.Parse(content.decode(), graph)
        else:
            graph.ParseFromString(content)
    except Exception as error:
        raise _damaged(source, error) from error
    if not graph.node:
        raise _damaged(source, "it has no nodes")
    return graph


def _damaged(source: Path, error: object) -> SourceUnreadable:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return SourceUnreadable(
        f"TensorFlow cannot read the graph: {text}", where=str(source), remedy="check that the file is complete"
    )


def _refuse_variables(graph: Any, source: Path) -> None:
    found = [node.name for node in graph.node if node.op in _VARIABLES]
    if found:
        raise SourceUnreadable(
            f"the graph is not frozen: it holds {len(found)} variables, the first of them {found[0]!r}, without values",
            where=str(source),
            remedy="write a SavedModel, or freeze it with tf.compat.v1.graph_util.convert_variables_to_constants",
        )


def _inputs(graph: Any) -> list[str]:
    """Return the placeholders; those with a default are settings, and keep it."""
    return [node.name for node in graph.node if node.op == "Placeholder"]


def _outputs(graph: Any, options: Options) -> list[str]:
    """Return the nodes that nothing consumes and that depend on an input."""
    consumed = {name for node in graph.node for name in _input_nodes(node)}
    reached = set(_inputs(graph))
    for node in _topological_order(graph.node):
        if reached.intersection(_input_nodes(node)):
            reached.add(node.name)
    ends = [n.name for n in graph.node if n.name not in consumed and n.name in reached and n.op not in _NO_OUTPUT]
    if len(ends) > 1:
        options.note(f"the outputs are the nodes that nothing consumes: {', '.join(ends)}; -O outputs names others")
    return ends


def _input_nodes(node: Any) -> list[str]:
    """Return the names of the nodes that a node takes tensors from."""
    return [name.partition(":")[0] for name in node.input if not name.startswith("^")]


def _topological_order(nodes: Iterable[Any]) -> list[Any]:
    """Return the nodes in topological order; those of cycles (while loops of TensorFlow 1) stand once."""
    by_name = {node.name: node for node in nodes}
    order: dict[str, Any] = {}
    seen: set[str] = set()
    for root in by_name:
        stack = [(root, False)]
        while stack:
            name, done = stack.pop()
            if done:
                order[name] = by_name[name]
            elif name in by_name and name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack.extend((source, False) for source in _input_nodes(by_name[name]))
    return list(order.values())


def _tensors(graph: Any, names: str, option: str, source: Path) -> list[Any]:
    """Return the graph's tensors of the names; `x` is `x:0`."""
    found = []
    for name in filter(None, map(str.strip, names.split(","))):
        try:
            found.append(graph.get_tensor_by_name(name if ":" in name else f"{name}:0"))
        except (KeyError, ValueError) as error:
            known = [operation.name for operation in graph.get_operations() if operation.outputs]
            close = nearest(name.partition(":")[0], known)
            hint = f"did you mean {close!r}? " if close else ""
            raise InvalidOption(
                f"the graph has no tensor {name!r}",
                where=str(source),
                remedy=f"{hint}pass -O {option}=NAME:0 with the name of one of its {len(known)} nodes",
            ) from error
    return found


def _identifier(tensor: Any) -> str:
    """Return a tensor's name as an identifier: in/x:0 is in_x, split:1 is split_1."""
    name = re.sub(r":0$", "", tensor.name)
    name = re.sub(r"\W", "_", name)
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"
