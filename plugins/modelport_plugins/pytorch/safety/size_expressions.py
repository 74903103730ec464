"""The size expressions of exported programs: a bounded grammar, checked before PyTorch has sympy evaluate them.

``Add(FloorDiv(Symbol('s16', positive=True, integer=True), Integer(2)), Integer(1))`` is what torch.export writes, ``s16//2 + 1``
what it wrote before version 2.6. Numbers are computed while they are read, so that ``9**9**9**9`` never ends: what an
expression can come to is bounded before.
"""

from __future__ import annotations

import ast
import math
import re
from typing import NamedTuple

_LONGEST, _DEEPEST, _MOST_NODES, _MOST_BITS, _MOST_TERMS = 50_000, 50, 3_000, 4_096, 512
"""Characters, levels and nodes of an expression; bits of a number and terms of a polynomial that it may come to.

sympy evaluates every expression within these bounds in less than a second; common divisors of larger polynomials take hours.
"""

_LARGEST_EXPONENT = 64
_PRECISION = 53
"""Bits of a float's mantissa; more would be computed to that many."""

_FUNCTIONS = frozenset({
    "Add", "Mul", "Max", "Min", "Mod", "Abs", "Not", "And", "Or", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Equality",
    "Unequality", "StrictLessThan", "LessThan", "StrictGreaterThan", "GreaterThan", "Piecewise", "ExprCondPair",
    "FloorDiv", "ModularIndexing", "Where", "PythonMod", "CleanDiv", "CeilToInt", "FloorToInt", "CeilDiv",
    "FloatTrueDiv", "IntTrueDiv", "IsNonOverlappingAndDenseIndicator", "TruncToFloat", "TruncToInt", "RoundToInt",
    "RoundDecimal", "ToFloat", "Identity", "Infinity", "NegativeInfinity", "floor", "ceiling", "sqrt",
    "BitwiseFn_bitwise_and", "BitwiseFn_bitwise_or", "BitwiseFn_bitwise_xor",
})  # fmt: skip
_UNARY = re.compile(r"OpaqueUnaryFn_[a-z0-9]+")
_POWERS = frozenset({"Pow", "PowByNatural", "FloatPow", "LShift", "RShift"})
_NUMBERS = frozenset({"Integer", "Rational", "Float", "Symbol"})
_NAMED = re.compile(r"[a-z]{1,8}\d{1,6}|true|false|True|False|oo|int_oo|nan")
_SYMBOL = re.compile(r"[A-Za-z_]{1,30}\d{0,6}")
_DECIMAL = re.compile(r"-?\d{1,40}(?:\.\d{0,40})?(?:e[-+]?\d{1,3})?")
_SUMS = (ast.Add, ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr)


class _Extent(NamedTuple):
    """How large an expression can become: the bits of its numbers, the terms of it when multiplied out."""

    bits: int
    terms: int


_SYMBOLIC = _Extent(64, 1)


class NoSize(ValueError):
    """An expression that torch.export does not write, or that would take too long to evaluate."""


def check(expression: str) -> None:
    """Raise NoSize unless an expression is arithmetic on sizes that is quick to evaluate."""
    if len(expression) > _LONGEST:
        raise NoSize("it is too long")
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NoSize("it does not parse") from error
    if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
        raise NoSize("it has too many parts")
    _extent(tree.body, 0)


def is_symbol(name: str) -> bool:
    """Whether a name is one that torch.export gives to a size: some letters, then a number."""
    return bool(_SYMBOL.fullmatch(name))


def _extent(node: ast.expr, depth: int) -> _Extent:
    """Return what an expression can come to at most; raises NoSize for what is outside the grammar or its bounds."""
    if depth > _DEEPEST:
        raise NoSize("it is nested too deeply")
    match node:
        case ast.Constant(value=bool() | float()):
            extent = _SYMBOLIC
        case ast.Constant(value=int() as value):
            extent = _Extent(value.bit_length(), 1)
        case ast.Name(id=name) if _NAMED.fullmatch(name):
            extent = _SYMBOLIC
        case ast.UnaryOp(operand=operand):
            extent = _extent(operand, depth + 1)
        case ast.BinOp(left=base, op=ast.Pow() | ast.LShift() | ast.RShift(), right=exponent):
            extent = _power(base, exponent, depth)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            extent = _product([left, right], depth)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _SUMS):
            extent = _sum([left, right], depth)
        case ast.Compare(left=left, comparators=others):
            extent = _sum([left, *others], depth)
        case ast.BoolOp(values=values) | ast.Tuple(elts=values):
            extent = _sum(values, depth)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            extent = _call(name, args, keywords, depth)
        case _:
            raise NoSize(f"{ast.unparse(node)[:40]!r} is no arithmetic on sizes")
    if extent.bits > _MOST_BITS or extent.terms > _MOST_TERMS:
        raise NoSize("it grows too large")
    return extent


def _call(name: str, args: list[ast.expr], keywords: list[ast.keyword], depth: int) -> _Extent:
    if name in _NUMBERS and all(_is_assumption(part) for part in keywords):
        return _number(name, args, depth)
    if keywords:
        raise NoSize(f"{name[:40]} takes no such keywords")
    if name in _POWERS and len(args) == 2:
        return _power(args[0], args[1], depth)
    if name == "Mul":
        return _product(args, depth)
    if name in _FUNCTIONS or _UNARY.fullmatch(name):
        return _sum(args, depth)
    raise NoSize(f"{name[:40]!r} is no function of sizes")


def _is_assumption(part: ast.keyword) -> bool:
    """Whether a keyword is a symbol's (positive=True) or the precision of a float as PyTorch has it."""
    return isinstance(part.value, ast.Constant) and (
        isinstance(part.value.value, bool) or part.value.value == _PRECISION
    )


def _number(name: str, args: list[ast.expr], depth: int) -> _Extent:
    """Numbers and symbols in sympy's long form: Integer(2), Rational(1, 2), Float('0.5', precision=53), Symbol('s0')."""
    match args:
        case [ast.Constant(value=str() as text)] if (_SYMBOL if name == "Symbol" else _DECIMAL).fullmatch(text):
            return _SYMBOLIC
        case [_, *_] if name != "Symbol" and all(_exact(arg) is not None for arg in args):
            return _sum(args, depth)
    raise NoSize(f"it holds no {name} that could be read")


def _power(base: ast.expr, exponent: ast.expr, depth: int) -> _Extent:
    power = _exact(exponent)
    if power is None or abs(power) > _LARGEST_EXPONENT:
        raise NoSize("it raises to a power that is no small number")
    inner = _extent(base, depth + 1)
    return _Extent(inner.bits * max(1, abs(power)) + _LARGEST_EXPONENT, inner.terms ** max(1, abs(power)))


def _exact(node: ast.expr) -> int | None:
    """Return a number that is written out, a fraction rounded up; None for anything else."""
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.Constant(value=float() as value) if abs(value) < _LARGEST_EXPONENT:
            return math.ceil(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _exact(operand)
            return None if inner is None else -inner
        case ast.Call(func=ast.Name(id="Integer"), args=[whole]):
            return _exact(whole)
        case ast.Call(func=ast.Name(id="Rational"), args=[over, under]):
            numerator, denominator = _exact(over), _exact(under)
            return None if numerator is None or not denominator else math.ceil(numerator / denominator)
        case ast.Call(func=ast.Name(id="Float"), args=[ast.Constant(value=str() as text)]) if _DECIMAL.fullmatch(text):
            return math.ceil(float(text)) if abs(float(text)) < _LARGEST_EXPONENT else None
    return None


def _sum(nodes: list[ast.expr], depth: int) -> _Extent:
    parts = [_extent(node, depth + 1) for node in nodes]
    return _Extent(max((part.bits for part in parts), default=0) + len(parts), sum(part.terms for part in parts))


def _product(nodes: list[ast.expr], depth: int) -> _Extent:
    parts = [_extent(node, depth + 1) for node in nodes]
    return _Extent(sum(part.bits for part in parts), math.prod(part.terms for part in parts))
