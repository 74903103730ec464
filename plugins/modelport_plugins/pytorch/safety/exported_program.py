"""The check of an exported program's JSON: PyTorch turns much of it into Python source, and evaluates that.

Targets become calls, names become variables of a generated function, guards and sizes are evaluated, and tree specifications
import what they name. Each has a small grammar here; what is outside it is not loaded without trust.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from modelport_plugins.pytorch.safety import size_expressions
from modelport_plugins.pytorch.safety.pure_operators import is_pure_target

_IDENTIFIER = re.compile(r"(?:[A-Za-z_]\w*)?", re.ASCII)
_PLAIN = re.compile(r"[\w .,:+/@-]*", re.ASCII)
"""Text that stays text when it is put into Python source between quotes, or without them."""

_TREES = frozenset({
    "builtins.tuple", "builtins.list", "builtins.dict", "collections.namedtuple", "collections.OrderedDict",
    "collections.deque", "torch.Size", "torch.fx.immutable_collections.immutable_list",
    "torch.fx.immutable_collections.immutable_dict",
})  # fmt: skip
_GUARD = (
    ast.Expression, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Subscript, ast.Attribute, ast.Name,
    ast.Constant, ast.Slice, ast.Tuple, ast.expr_context, ast.boolop, ast.unaryop, ast.cmpop, ast.Add, ast.Sub, ast.Mult,
    ast.Div, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr,
)  # fmt: skip
_GUARD_NAMES = frozenset({
    "L", "args", "math", "Abs", "And", "CeilDiv", "CleanDiv", "Eq", "FloorDiv", "FloatTrueDiv", "IntTrueDiv", "Max",
    "Min", "Mod", "Ne", "Not", "Or", "PythonMod", "ToFloat", "TruncToInt",
})  # fmt: skip
_GUARD_MEMBERS = frozenset(
    {"size", "stride", "storage_offset", "dim", "ndim", "shape", "ceil", "floor", "trunc", "inf", "isnan"}
)


def dangers(program: Any) -> Iterator[str]:
    """Yield, as clauses, what in the JSON of a program would be more than computing with tensors."""
    waiting = [program]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            for key, child in value.items():
                if key in _RULES:
                    yield from _RULES[key](child)
    if isinstance(program, dict):
        ranges = program.get("range_constraints")
        for name in ranges if isinstance(ranges, dict) else ():
            if not size_expressions.is_symbol(name):
                yield f"it names a size {name[:60]!r}"


def strings(value: Any) -> Iterator[str]:
    """Yield, as clauses, the texts within nested containers that would not stay text in Python source."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting.extend((*part.keys(), *part.values()))
        elif isinstance(part, (list, tuple)):
            waiting.extend(part)
        elif isinstance(part, str) and not _PLAIN.fullmatch(part):
            yield f"it holds the text {part[:60]!r}, which could become code"


def _target(value: Any) -> Iterator[str]:
    if isinstance(value, str) and not is_pure_target(value):
        yield f"it calls {value[:100]}"


def _name(value: Any) -> Iterator[str]:
    if isinstance(value, str) and not _IDENTIFIER.fullmatch(value):
        yield f"it names a value {value[:60]!r}, which could become code"


def _names(value: Any) -> Iterator[str]:
    for name in value if isinstance(value, list) else ():
        yield from _name(name)


def _expression(value: Any) -> Iterator[str]:
    try:
        size_expressions.check(str(value))
    except size_expressions.NoSize as error:
        yield f"it holds a size that cannot be evaluated safely, {str(value)[:60]!r}: {error}"


def _guards(value: Any) -> Iterator[str]:
    for guard in value if isinstance(value, list) else [value]:
        if not _is_guard(str(guard)):
            yield f"it checks its inputs by code: {str(guard)[:60]!r}"


def _is_guard(guard: str) -> bool:
    try:
        tree = ast.parse(guard, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(isinstance(node, _GUARD) and _is_harmless(node) for node in ast.walk(tree))


def _is_harmless(node: ast.AST) -> bool:
    match node:
        case ast.Name(id=name):
            return name in _GUARD_NAMES
        case ast.Attribute(attr=name):
            return name in _GUARD_MEMBERS
        case ast.Constant(value=str() as text):
            return bool(_PLAIN.fullmatch(text))
        case ast.Call(keywords=keywords):
            return not keywords
    return True


def _tree(value: Any) -> Iterator[str]:
    """A tree specification: JSON within JSON, whose contexts are JSON once more."""
    try:
        waiting = [json.loads(value)[1]] if isinstance(value, str) and value else []
    except (ValueError, RecursionError, LookupError, TypeError):
        yield "its input structure cannot be read"
        return
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            yield "its input structure cannot be read"
            return
        kind = node.get("type")
        if kind is not None and kind not in _TREES and not str(kind).startswith("transformers."):
            yield f"it takes or returns a {str(kind)[:60]}"
        yield from _context(node.get("context"))
        waiting.extend(node.get("children_spec") or ())


def _context(value: Any) -> Iterator[str]:
    try:
        content = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        content = value
    yield from strings(content)
    if "__enum__" in str(content):
        yield "its input structure imports a module"


_RULES: dict[str, Callable[[Any], Iterator[str]]] = {
    "target": _target,
    "as_operator": _target,
    "name": _name,
    "as_name": _name,
    "forward_arg_names": _names,
    "expr_str": _expression,
    "guards_code": _guards,
    "in_spec": _tree,
    "out_spec": _tree,
    "constant_input": strings,
    "fqn": strings,
    "parameter_name": strings,
    "buffer_name": strings,
    "tensor_constant_name": strings,
    "user_input_name": strings,
    "custom_obj_name": strings,
}
"""What is checked, by the key under which it stands anywhere in a program."""
