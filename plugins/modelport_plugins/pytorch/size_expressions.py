"""The size expressions of exported programs: a bounded grammar, checked before PyTorch has sympy evaluate them.

``Add(FloorDiv(Symbol('s16', positive=True, integer=True), Integer(2)), Integer(1))`` is what torch.export writes, ``s16//2 + 1``
what it wrote before version 2.6. Numbers are computed while they are read, so that ``9**9**9**9`` never ends: the digits that an
expression can come to are bounded before.
"""

from __future__ import annotations

import ast
import re

_LONGEST, _DEEPEST, _MOST_NODES, _MOST_BITS = 50_000, 50, 3_000, 4_096
"""Characters, levels, nodes of an expression, and bits of a number that it may come to."""

_LARGEST_EXPONENT = 64

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
    _bits(tree.body, 0)


def is_symbol(name: str) -> bool:
    """Whether a name is one that torch.export gives to a size: some letters, then a number."""
    return bool(_SYMBOL.fullmatch(name))


def _bits(node: ast.expr, depth: int) -> int:
    """Return the bits that the numbers in an expression can come to at most, symbols counted as 64; raises NoSize."""
    if depth > _DEEPEST:
        raise NoSize("it is nested too deeply")
    match node:
        case ast.Constant(value=bool() | float()):
            bits = 64
        case ast.Constant(value=int() as value):
            bits = value.bit_length()
        case ast.Name(id=name) if _NAMED.fullmatch(name):
            bits = 64
        case ast.UnaryOp(operand=operand):
            bits = _bits(operand, depth + 1)
        case ast.BinOp(left=base, op=ast.Pow() | ast.LShift() | ast.RShift(), right=exponent):
            bits = _power(base, exponent, depth)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            bits = _bits(left, depth + 1) + _bits(right, depth + 1)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _SUMS):
            bits = _largest([left, right], depth)
        case ast.Compare(left=left, comparators=others):
            bits = _largest([left, *others], depth)
        case ast.BoolOp(values=values) | ast.Tuple(elts=values):
            bits = _largest(values, depth)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            bits = _call(name, args, keywords, depth)
        case _:
            raise NoSize(f"{ast.unparse(node)[:40]!r} is no arithmetic on sizes")
    if bits > _MOST_BITS:
        raise NoSize("its numbers grow too large")
    return bits


def _call(name: str, args: list[ast.expr], keywords: list[ast.keyword], depth: int) -> int:
    if name in _NUMBERS and all(isinstance(part.value, ast.Constant) for part in keywords):
        return _number(name, args, depth)
    if keywords:
        raise NoSize(f"{name} takes no keywords")
    if name in _POWERS and len(args) == 2:
        return _power(args[0], args[1], depth)
    if name == "Mul":
        return sum(_bits(arg, depth + 1) for arg in args)
    if name in _FUNCTIONS or _UNARY.fullmatch(name):
        return _largest(args, depth)
    raise NoSize(f"{name[:40]!r} is no function of sizes")


def _number(name: str, args: list[ast.expr], depth: int) -> int:
    """Numbers and symbols in sympy's long form: Integer(2), Rational(1, 2), Float('0.5', precision=53), Symbol('s0')."""
    match args:
        case [ast.Constant(value=str() as text)] if (_SYMBOL if name == "Symbol" else _DECIMAL).fullmatch(text):
            return 64
        case [_, *_] if name in ("Integer", "Rational", "Float") and len(args) <= 2:
            return _largest([arg for arg in args if _exact(arg) is not None or isinstance(arg, ast.Constant)], depth)
    raise NoSize(f"it holds no {name} that could be read")


def _power(base: ast.expr, exponent: ast.expr, depth: int) -> int:
    power = _exact(exponent)
    if power is None or abs(power) > _LARGEST_EXPONENT:
        raise NoSize("it raises to a power that is no small number")
    return _bits(base, depth + 1) * max(1, abs(power)) + _LARGEST_EXPONENT


def _exact(node: ast.expr) -> int | None:
    """Return a number that is written out, a fraction rounded up; None for anything else."""
    match node:
        case ast.Constant(value=int() | float() as value) if abs(value) < 2**62:
            return round(value) + 1 if isinstance(value, float) else value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _exact(operand)
            return None if inner is None else -inner
        case ast.Call(func=ast.Name(id="Integer"), args=[inner_node]):
            return _exact(inner_node)
        case ast.Call(func=ast.Name(id="Rational"), args=[over, under]):
            parts = _exact(over), _exact(under)
            return None if parts[0] is None or not parts[1] else -(-parts[0] // parts[1])
        case ast.Call(func=ast.Name(id="Float"), args=[ast.Constant(value=str() as text)]) if _DECIMAL.fullmatch(text):
            return round(float(text)) + 1 if abs(float(text)) < 2**62 else None
    return None


def _largest(nodes: list[ast.expr], depth: int) -> int:
    return max((_bits(node, depth + 1) for node in nodes), default=0) + len(nodes)
