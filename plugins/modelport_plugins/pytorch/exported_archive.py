"""What a .pt2 archive may hold: torch.export.load unpickles some members and evaluates size expressions as Python.

Loading such a member runs what it says. The archive is therefore listed and read first, and anything but plain tensors,
weights-only pickles and arithmetic on sizes is refused unless the user trusts the file.
"""

from __future__ import annotations

import ast
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from modelport.errors import UnsafeSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NODES = (ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare)
_OPERATORS = (ast.operator, ast.unaryop, ast.cmpop)
_LOWERCASE_FUNCTIONS = frozenset({"floor", "ceiling", "oo", "int_oo"})


def check(source: Path) -> None:
    """Raise UnsafeSource when torch.export.load would run code that the archive carries.

    Raises:
        zipfile.BadZipFile, ValueError: when the archive is damaged.
    """
    with zipfile.ZipFile(source) as archive:
        for reason in _dangers(archive):
            raise UnsafeSource(
                f"loading this program would run code that it carries: {reason}",
                where=str(source),
                remedy="export it again with plain tensors as weights, constants and example inputs, "
                "or pass --trust if you trust whoever wrote it",
            )


def _dangers(archive: zipfile.ZipFile) -> Iterator[str]:
    for name in archive.namelist():
        base = name.rpartition("/")[2]
        if "data/aotinductor/" in name:
            yield f"{name} is compiled code"
        elif base.startswith(("custom_obj_", "opaque_obj_")):
            yield f"{name} is a pickled object"
        elif base.endswith(".pt") and not _loads_weights_only(archive.read(name)):
            yield f"{name} is a pickle of more than tensors"
        elif base.endswith(".json"):
            for problem in _json_dangers(json.loads(archive.read(name))):
                yield f"{name} {problem}"


def _json_dangers(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("use_pickle"):
            yield f"names the pickled tensor {value.get('path_name')}"
        expression = value.get("expr_str")
        if isinstance(expression, str) and not _is_arithmetic(expression):
            yield f"holds a size that is no arithmetic: {expression[:60]!r}"
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from _json_dangers(child)


def _is_arithmetic(expression: str) -> bool:
    """Whether a size is calls of sympy classes on numbers and symbols, such as ``Mul(Integer(2), Symbol('s0'))``."""
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError:
        return False
    return all(isinstance(node, (*_NODES, *_OPERATORS)) and _is_plain(node) for node in ast.walk(tree))


def _is_plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.isidentifier()
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and (node.func.id[0].isupper() or node.func.id in _LOWERCASE_FUNCTIONS)
    return True


def _loads_weights_only(data: bytes) -> bool:
    import torch

    if not data:
        return True
    try:
        torch.load(io.BytesIO(data), weights_only=True, map_location="meta")
    except Exception:
        return False
    return True
