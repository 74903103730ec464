"""Reading .skops archives: what a file holds is known before anything of it is made.

skops describes a file as a tree of nodes, one for each object, and tells which of their types it does not know to be safe. Those
in `harmless` are allowed here, each as one kind of node. The modules of the tree are private to skops, but the only way to see
the nodes themselves rather than the file's own words about them.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelport import memory
from modelport.errors import ModelportError, SourceUnreadable, UnsafeSource

from . import contents
from .harmless import HARMLESS

_SCHEMA = "schema.json"


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
            _check_arguments(tree)
            model = tree.construct()
        contents.check(model)
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


def _check_arguments(tree: Any) -> None:
    """Look at what a tree's constructor is called with: it reads as many class counts as it is told there are outputs."""
    for node in _nodes(tree):
        if type(node).__name__ == "TreeNode":
            _, classes, outputs = node.children["args"].construct()
            if len(classes) != outputs or not all(0 < count < 2**31 for count in classes.tolist()):
                raise ValueError("a tree has other class counts than outputs")
