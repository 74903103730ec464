"""Loading of .skops archives, whose contents are checked before any object is made.

skops describes a file as a tree of nodes, one for each object, and tells which of their types it does not know to be safe. Those
in `harmless` are allowed here, each as one kind of node. The modules of the tree are private to skops, but the only way to see
the nodes themselves rather than the file's own words about them.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelport.errors import ModelportError, SourceUnreadable, UnsafeSource
from modelport.safety import memory
from modelport_plugins.sklearn import state_validation
from modelport_plugins.sklearn.allowed_types import HARMLESS

_SCHEMA = "schema.json"
_PLAIN = {"CachedNode", "DictNode", "JsonNode", "ListNode", "NdArrayNode", "TupleNode", "TypeNode"}
_STATE_SIZES = {
    "sklearn.metrics._dist_metrics": 3,
    "sklearn.neighbors._ball_tree": 13,
    "sklearn.neighbors._kd_tree": 13,
}
"""By module: the parts of the tuple that its native objects are restored from."""


def is_archive(source: Path) -> bool:
    """Whether a file is a zip archive with a schema, as skops writes them."""
    try:
        with zipfile.ZipFile(source) as archive:
            return _SCHEMA in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
        return False


def load(source: Path, trust: bool, trust_types: tuple[str, ...]) -> Any:
    """Load what a .skops archive holds.

    Args:
        source: the file.
        trust: allow every type.
        trust_types: names of types to allow besides those that are harmless.

    Raises:
        UnsafeSource: when it holds other types.
        SourceUnreadable: when it is damaged, or its numbers would make native code leave its arrays.
        TooLarge: when its members unpack to more than the memory limit.
    """
    if not is_archive(source):
        raise SourceUnreadable(
            "this is no complete skops archive", where=str(source), remedy="write it again with skops.io.dump"
        )
    try:
        with zipfile.ZipFile(source) as archive:
            memory.require(
                sum(entry.file_size for entry in archive.infolist()), "the archive unpacked", where=str(source)
            )
            tree = _tree(archive)
            if not trust:
                _require_harmless(tree, trust_types, source)
            _check_sizes(tree, source)
            _check_states(tree)
            model = tree.construct()
        state_validation.check(model)
        return model
    except ModelportError:
        raise
    except Exception as error:
        raise damaged(source, error) from error


def damaged(source: Path, error: Exception) -> SourceUnreadable:
    """Return what to raise for a file that fails to load."""
    return SourceUnreadable(
        f"the file cannot be loaded: {type(error).__name__}: {error}",
        where=str(source),
        remedy="check that it is complete and that this scikit-learn can read it; save it again if need be",
    )


def _tree(archive: zipfile.ZipFile) -> Any:
    """Return skops's description of the objects; none of them is made."""
    from skops.io import _persist  # registers the kinds of nodes
    from skops.io._audit import get_tree
    from skops.io._utils import LoadContext

    schema = json.loads(archive.read(_SCHEMA))
    protocol = schema["protocol"]
    if type(protocol) is not int or not 0 <= protocol <= _persist.SaveContext(zip_file=archive).protocol:
        raise ValueError(f"this skops does not know the protocol {protocol!r}")
    return get_tree(schema, LoadContext(src=archive, protocol=protocol), trusted=None)


def _require_harmless(tree: Any, trust_types: tuple[str, ...], source: Path) -> None:
    unknown = tree.get_unsafe_set() - set(HARMLESS) - set(trust_types)
    for node in _nodes(tree):
        name = f"{node.module_name}.{node.class_name}"
        if HARMLESS.get(name, type(node).__name__) != type(node).__name__ and name not in trust_types:
            unknown.add(name)
    if unknown:
        named = sorted(unknown)
        raise UnsafeSource(
            f"the file holds types that are not known to be harmless: {', '.join(named)}",
            where=str(source),
            remedy=f"if you know where the file comes from, allow them with {' '.join(f'--trust-type {one}' for one in named)}, "
            "or everything with --trust",
        )


def _nodes(tree: Any) -> Iterator[Any]:
    """Yield every node once, from the outermost inwards."""
    from skops.io._audit import Node

    seen: set[int] = set()
    pending = [tree]
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        cached = [node.cached] if hasattr(node, "cached") else []
        # the constructor is the node's own type once more
        children = [child for name, child in node.children.items() if name != "constructor"]
        for child in [*children, *cached]:
            several = (
                child.values() if isinstance(child, dict) else child if isinstance(child, list | tuple) else [child]
            )
            pending += [one for one in several if isinstance(one, Node)]


def _check_sizes(tree: Any, source: Path) -> None:
    """Hold the sizes that arrays claim against their bytes, before they are allocated; sparse ones are archives of arrays."""
    for node in _nodes(tree):
        kind, content = type(node).__name__, node.children.get("content")
        if kind == "NdArrayNode" and isinstance(content, io.BytesIO):
            _check_size(content.getvalue())
        elif kind == "SparseMatrixNode":
            with zipfile.ZipFile(io.BytesIO(content.getvalue())) as archive:
                total = sum(entry.file_size for entry in archive.infolist())
                memory.require(total, "a sparse matrix unpacked", where=str(source))
                for name in archive.namelist():
                    _check_size(archive.read(name))


def _check_size(data: bytes) -> None:
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    header = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = header(stream)
    if math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f"an array of shape {shape} and dtype {dtype} does not have so many bytes")


def _check_states(tree: Any) -> None:
    """Look at what native objects are restored from: their own code takes it as it would have written it.

    A state that is too short, or an array without dimensions, ends Python there, before the finished object can be checked.
    """
    for node in _nodes(tree):
        kind, state = type(node).__name__, node.children.get("attrs")
        if kind == "TreeNode":
            _check_tree(_made(node.children["args"]), _made(state))
        elif kind == "LossNode" and _made(state):
            raise ValueError("a loss has a state of its own")
        elif kind == "ObjectNode" and node.module_name in _STATE_SIZES:
            size = len(state.children["content"]) if type(state).__name__ == "TupleNode" else 0
            if size < _STATE_SIZES[node.module_name]:
                raise ValueError(f"a {node.class_name} is restored from another state than its own")


def _made(node: Any) -> Any:
    """Make what a node describes, if it is nothing but numbers, texts, arrays and what holds them."""
    found = {type(one).__name__ for one in _nodes(node)}
    if not found <= _PLAIN:
        raise ValueError(f"a native object is restored from other objects: {', '.join(sorted(found - _PLAIN))}")
    return node.construct()


def _check_tree(arguments: Any, state: Any) -> None:
    """As many class counts as outputs; nodes and values as rows."""
    _, classes, outputs = arguments
    if len(classes) != outputs or not all(0 < count < 2**31 for count in classes.tolist()):
        raise ValueError("a tree has other class counts than outputs")
    if state["nodes"].ndim != 1 or state["values"].ndim != 3:
        raise ValueError("the nodes or values of a tree are no rows")
