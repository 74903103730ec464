"""Static analysis of TorchScript sources: the operators, functions and types that they name.

TorchScript writes its programs in a subset of Python, so Python's own parser reads them. Whatever is outside that subset, or
that the two parsers could read differently, is refused.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import NoReturn

from modelport_plugins.pytorch.safety.pure_operators import OBJECTS, impure_methods, is_pure

_NODES = (
    ast.Module, ast.Import, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.keyword, ast.Assign,
    ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return, ast.Pass, ast.If, ast.While, ast.For, ast.Break, ast.Continue, ast.Assert,
    ast.Raise, ast.With, ast.withitem, ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.Subscript, ast.Slice, ast.Tuple,
    ast.List, ast.Dict, ast.IfExp, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Starred, ast.expr_context, ast.operator,
    ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip

_NAMES = frozenset({
    "Any", "AnyEnumType", "Await", "Device", "Dict", "Enum", "Final", "Future", "Generator", "Interface", "Layout",
    "List", "MemoryFormat", "Module", "ModuleInterface", "NamedTuple", "NoneType", "Optional", "QScheme", "Scalar",
    "ScalarType", "Tensor", "Tuple", "Union", "number", "bool", "complex", "dict", "float", "int", "list", "str",
    "tuple", "abs", "all", "annotate", "any", "awaitable", "divmod", "enumerate", "fork", "getattr", "hasattr",
    "inf", "infj", "isinstance", "len", "max", "min", "nan", "nanj", "range", "rangelist", "round", "sorted", "sum",
    "unchecked_cast", "unchecked_unwrap_optional", "uninitialized", "zip",
})  # fmt: skip
"""What a source may name beside its own variables: types, and the pure functions of TorchScript."""

_NAMESPACES = frozenset({"torch", "ops", "__torch__", "CONSTANTS"})
_STRING = re.compile(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""")
_OUTSIDE_STRINGS = re.compile(r"""[^\x20-\x7e\n]|[#;\\"'`]|\w\$|\$\$""")
"""What TorchScript never writes outside of strings (each of them now a $): comments, prefixes of strings, other quotes."""


class Danger(Exception):
    """Something in a source that must not run.

    Args:
        reason: a clause that names it.
        line: where it stands, counted from 1; 0 when it is not one place.
    """

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


def check(source: str) -> None:
    """Raise Danger when a source names anything but pure operators, its archive's own classes and functions, and variables."""
    plain = _STRING.sub("$", source)
    found = _OUTSIDE_STRINGS.search(plain)
    if found:
        raise Danger("its code is not as TorchScript writes it", plain.count("\n", 0, found.start()) + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        _Checker().visit(tree)
        return
    except (
        SyntaxError,
        ValueError,
        RecursionError,
        MemoryError,
    ) as error:  # Python's parser calls nesting a lack of memory
        line = getattr(error, "lineno", 0) or 0
    raise Danger("its code is not as TorchScript writes it", line)


class _Checker(ast.NodeVisitor):
    """Visits every node of a source once; what is not known to be harmless raises Danger."""

    def __init__(self) -> None:
        self._variables: frozenset[str] = frozenset()
        self._fields: frozenset[str] = frozenset()
        self._self = ""
        self._nested = False

    def visit(self, node: ast.AST) -> None:
        if not isinstance(node, _NODES):
            _refuse(f"its code is not as TorchScript writes it ({type(node).__name__})", node)
        super().visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        if any(alias.asname or not alias.name.startswith("__torch__") for alias in node.names):
            _refuse("it imports a module", node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if node.decorator_list or node.keywords:
            _refuse("its code is not as TorchScript writes it", node)
        outer, self._fields = self._fields, frozenset(_fields(node))
        names, self._variables = self._variables, self._variables | _assigned(node) | {"__annotations__"}
        self.generic_visit(node)
        self._fields, self._variables = outer, names

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.decorator_list:
            _refuse("its code is not as TorchScript writes it", node)
        parameters = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        assigned = _assigned(node)
        outer, names, nested = self._self, self._variables, self._nested
        self._self = parameters[0] if parameters and parameters[0] not in assigned and not nested else ""
        self._variables = names | assigned | frozenset(parameters)
        self._nested = True
        self.generic_visit(node)
        self._self, self._variables, self._nested = outer, names, nested

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in _NAMESPACES:  # a namespace under another name would hide what is taken from it
            _refuse(f"it uses {node.id} as a value", node)
        if node.id not in self._variables and node.id not in _NAMES:
            _refuse(f"it calls {node.id}", node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts = _dotted(node)
        if parts and parts[0] in _NAMESPACES:
            _check_global(parts, node)
            return
        self._check_member(node.value, node.attr, node)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "getattr":
            name = node.args[1] if len(node.args) == 2 else None
            if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
                _refuse("it computes the name of an attribute", node)
            self._check_member(node.args[0], name.value, node)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, (str, int, float, complex, bool, type(None))):
            _refuse("its code is not as TorchScript writes it", node)

    def _check_member(self, value: ast.expr, name: str, node: ast.AST) -> None:
        """An operator may be called as a method of a value; the class's own fields and methods come before it."""
        own = isinstance(value, ast.Name) and value.id == self._self and name in self._fields
        if name in impure_methods() and not own:
            _refuse(f"it calls the operator aten::{name}", node)


def _check_global(parts: list[str], node: ast.AST) -> None:
    root, *rest = parts
    name = ".".join(parts)
    if root == "torch" and len(rest) == 1:
        operator = f"aten::{rest[0]}"
    elif root == "ops" and len(rest) == 2:
        operator = "::".join(rest)
    elif root == "CONSTANTS" and len(rest) == 1:
        return
    elif root == "__torch__" and not impure_methods().intersection(rest):
        if name.startswith("__torch__.torch.classes.") and not OBJECTS.fullmatch(name):
            _refuse(f"it uses the class {name}", node)
        return
    else:
        _refuse(f"it names {name}", node)
    if not is_pure(operator):
        _refuse(f"it calls the operator {operator}", node)


def _dotted(node: ast.Attribute) -> list[str]:
    """Return the parts of a dotted name, or nothing for a member of any other expression."""
    parts: list[str] = []
    value: ast.expr = node
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    return [value.id, *reversed(parts)] if isinstance(value, ast.Name) else []


def _fields(node: ast.ClassDef) -> set[str]:
    """Return the names of a class's attributes and methods."""
    methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    return methods | {
        part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }


def _assigned(node: ast.AST) -> frozenset[str]:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return frozenset(names | {part.name for part in ast.walk(node) if isinstance(part, ast.FunctionDef)})


def _refuse(reason: str, node: ast.AST) -> NoReturn:
    raise Danger(reason, getattr(node, "lineno", 0))
