"""The allow-list of TensorFlow operators, put to a graph and its functions before anything is loaded.

A SavedModel runs when it is loaded: its resources are initialized, its variables restored. What may run is known by name:
1. every node of the graph and of its functions is one of `pure.operators`, or calls a function of the file;
2. operators that save variables belong to the saver alone, which nothing here runs; those that restore them read the
   checkpoint that the loader hands to the saver;
3. tables are filled from the files of the folder `assets` alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from modelport.errors import SourceUnreadable, UnsafeSource
from modelport_converters.tensorflow_to_onnx import pure_ops
from modelport_plugins.tensorflow.safety.graphs import Body, Library, source
from modelport_plugins.tensorflow.safety.sizes import require_sizes

_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
_INITIAL = {"legacy_init_op", "saved_model_main_op", "table_initializer", "__saved_model_init_op"}
"""Collections and signatures of what a loader runs to initialize, with the assets' paths."""


def check_graph(graph: Any, where: str) -> None:
    """Refuse a GraphDef that does more than compute.

    Raises:
        UnsafeSource: naming the operator, its node and its function.
        SourceUnreadable: for a damaged graph.
        TooLarge: for tensors beyond the memory limit.
    """
    library = Library(graph, where)
    _check_operators(library, where, exempt=frozenset())
    _check_table_files(library, where)
    _refuse_opened(library, library.main, pure_ops.TABLE_FILES, (), where)
    require_sizes(library, where)


def check_saved_model(proto: Any, where: str) -> None:
    """Refuse a SavedModel that does more than compute when it is loaded or run; raises as `check_graph` does."""
    for graph in proto.meta_graphs:
        library = Library(graph.graph_def, where)
        _check_operators(library, where, exempt=pure_ops.SAVING | pure_ops.RESTORING)
        _check_table_files(library, where)
        if len(proto.meta_graphs) == 1 and graph.HasField("object_graph_def"):  # as TensorFlow's loader decides
            _check_objects(library, graph.object_graph_def, where)
        else:
            _check_session(library, graph, where)
        require_sizes(library, where)


def asset_files(graph: Any) -> list[Any]:
    """Return the AssetFileDef protos of a MetaGraphDef, from both places that a loader looks at."""
    from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef

    found = list(graph.asset_file_def)
    collection = dict(graph.collection_def).get("saved_model_assets")
    for packed in collection.any_list.value if collection else ():
        asset = AssetFileDef()
        packed.Unpack(asset)
        found.append(asset)
    return found


# --- operators -----------------------------------------------------------------------------------


def _check_operators(library: Library, where: str, exempt: Collection[str]) -> None:
    """Refuse operators that are neither pure nor functions of the file; those that TensorFlow does not know it refuses itself."""
    for name in filter(pure_ops.registered, library.functions):
        raise SourceUnreadable(
            f"a function has the name of the operator {name}", where=where, remedy="save the model again"
        )
    for body in library.bodies:
        for node in body.nodes.values():
            if node.op in exempt or node.op in library.functions or not pure_ops.registered(node.op):
                continue
            if reason := pure_ops.impurity(node.op, node.attr):
                raise _unsafe(f"the operator {node.op} {reason}", body, node, where)


# --- loading by objects (TensorFlow 2) -----------------------------------------------------------


def _check_objects(library: Library, objects: Any, where: str) -> None:
    """Check what an object graph may call: all functions that it names; the main graph is not run."""
    named = {*objects.concrete_functions, *(name for item in objects.nodes for name in _named(item))}
    for name in library.closure(named):
        _refuse_checkpoints(library, library.functions[name], pure_ops.SAVING | pure_ops.RESTORING, where)
    sinks = _sinks(library, pure_ops.TABLE_FILES)
    for name in named & set(sinks):
        function = objects.concrete_functions[name]
        captured = len(library.functions[name].arguments) - len(function.bound_inputs)
        for at in sinks[name]:
            kind = objects.nodes[function.bound_inputs[at - captured]].WhichOneof("kind") if at >= captured else ""
            if kind != "asset":
                raise UnsafeSource(
                    "a table is filled from a file that is not among the model's assets",
                    where=f"{where}: the function {name!r}",
                    remedy=_REMEDY,
                )


def _named(item: Any) -> list[str]:
    """Return the functions that an object of a SavedObjectGraph names."""
    return [*item.function.concrete_functions, item.bare_concrete_function.concrete_function_name]


# --- loading by sessions (TensorFlow 1) ----------------------------------------------------------


def _check_session(library: Library, graph: Any, where: str) -> None:
    """Check what is run of a main graph: its initializers, its saver's restoration and its signatures."""
    main, saver = library.main, graph.saver_def
    initial, other = _targets(graph)
    restored = main.ancestors([source(saver.restore_op_name)])
    for nodes, refused in (
        (main.ancestors([*initial, *other]), pure_ops.SAVING | pure_ops.RESTORING),
        (restored, pure_ops.SAVING),
    ):
        _refuse_checkpoints(library, main, refused, where, nodes)
        for name in library.closure(called for node in nodes for called in library.called(main.nodes[node])):
            _refuse_checkpoints(library, library.functions[name], refused, where)
    for name in library.closure(called for node in restored for called in library.called(main.nodes[node])):
        _refuse_opened(library, library.functions[name], pure_ops.RESTORING, library.functions[name].arguments, where)
    _refuse_opened(library, main, pure_ops.RESTORING, [source(saver.filename_tensor_name)], where, restored)
    assets = [source(asset.tensor_info.name) for asset in asset_files(graph)]
    _refuse_opened(library, main, pure_ops.TABLE_FILES, assets, where)
    _refuse_opened(library, main, pure_ops.TABLE_FILES, (), where, main.ancestors(other))  # there, assets have no paths


def _targets(graph: Any) -> tuple[list[str], list[str]]:
    """Return the nodes that may be run to initialize, and all others that something outside the graph names."""
    initial: list[str] = []
    other: list[str] = []
    for key, signature in graph.signature_def.items():
        for info in (*signature.inputs.values(), *signature.outputs.values()):
            sparse = info.coo_sparse
            parts = [sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name]
            names = [info.name, *parts, *(part.name for part in info.composite_tensor.components)]
            (initial if key in _INITIAL else other).extend(map(source, names))
    for key, collection in graph.collection_def.items():
        (initial if key in _INITIAL else other).extend(map(source, collection.node_list.value))
    return initial, other


# --- files ---------------------------------------------------------------------------------------


def _refuse_checkpoints(
    library: Library, body: Body, operators: Collection[str], where: str, nodes: Collection[str] | None = None
) -> None:
    """Refuse operators on checkpoints among the nodes (all of them by default) of a body that something runs."""
    for name in body.nodes if nodes is None else nodes:
        node = body.nodes[name]
        if node.op in operators:
            does = "writes files" if node.op in pure_ops.SAVING else "reads files"
            raise _unsafe(f"the operator {node.op} {does}, beyond saving and restoring the model", body, node, where)


def _check_table_files(library: Library, where: str) -> None:
    """Refuse functions that fill a table from a file that they name themselves."""
    for body in library.functions.values():
        _refuse_opened(library, body, pure_ops.TABLE_FILES, body.arguments, where)


def _refuse_opened(
    library: Library,
    body: Body,
    operators: Collection[str],
    allowed: Collection[str],
    where: str,
    nodes: Collection[str] | None = None,
) -> None:
    """Refuse nodes (all of a body by default) that open other files than those named by the allowed nodes and arguments."""
    for node, tensor in _opened(library, body, operators):
        if (nodes is None or node.name in nodes) and (tensor is None or body.origin(tensor) not in allowed):
            raise _unsafe(f"{node.op} reads a file that is not the model's own", body, node, where)


def _opened(library: Library, body: Body, operators: Collection[str]) -> Iterator[tuple[Any, str | None]]:
    """Yield each node of a body that opens a file, with the tensor that names the file; None where that cannot be told."""
    sinks = _sinks(library, operators)
    for node in body.nodes.values():
        if node.op in operators:
            place = 1 if operators is pure_ops.TABLE_FILES else 0
            yield node, (node.input[place] if len(node.input) > place else None)
        for name in library.called(node):
            for at in sinks.get(name, ()):
                plain = (node.op in _CALLS or node.op == name) and at < len(node.input)
                yield node, (node.input[at] if plain else None)


def _sinks(library: Library, operators: Collection[str]) -> Mapping[str, set[int]]:
    """Return the arguments, by function, that name files to be opened in it or in what it calls."""
    if operators not in library.sinks:
        found: dict[str, set[int]] = {}
        library.sinks[operators] = found
        for name in library.order:
            body = library.functions[name]
            origins = {body.origin(tensor) for _, tensor in _opened(library, body, operators) if tensor is not None}
            places = {at for at, argument in enumerate(body.arguments) if argument in origins}
            if places:
                found[name] = places
    return library.sinks[operators]


def _unsafe(what: str, body: Body, node: Any, where: str) -> UnsafeSource:
    return UnsafeSource(what, where=f"{where}: {body.where(node.name)}", remedy=_REMEDY)


_REMEDY = (
    "if you trust its origin, pass --trust; else have the model saved again with operators that compute only, "
    "and read and write files outside of it"
)
