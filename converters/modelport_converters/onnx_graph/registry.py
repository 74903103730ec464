"""The registry of the operators that a target framework can express, one plain function each.

A function is named in snake case after its operator. Its positional parameters are the operator's inputs in the order of the
schema, its keyword-only parameters the attributes, in snake case, with the schema's defaults; an absent optional input is None.
`static=` names inputs that arrive as NumPy arrays because they must be known at translation time. The keyword-only parameter
`wanted` is no attribute: it gets the number of outputs that the node asks for.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

Function = Callable[..., Any]


class Unsupported(Exception):  # caught where the node is known, and reported with its name
    """Raised by an operator's function when it cannot express this node; the message is the reason."""


@dataclass(frozen=True)
class Traits:
    """Traits of an operator, which steer the target's own machinery; each target declares its own in a subclass."""

    def check(self, parameters: tuple[str, ...]) -> None:
        """Check the traits of an operator.

        Args:
            parameters: names of the positional parameters of its function.

        Raises:
            ValueError: for a value that a trait cannot have.
        """


T = TypeVar("T", bound=Traits, covariant=True)


@dataclass(frozen=True)
class Op(Generic[T]):
    """One operator of one target.

    Attributes:
        domain: "" for ai.onnx.
        name: as in the schema.
        function: computes the outputs: one value, or a tuple of them.
        traits: those that the target declares, such as how the operator takes channels-last values.
        static: the parameters that must be known at translation time.
        parameters: names of the positional parameters.
        attributes: the keyword-only parameters and their defaults; None for one that has to be given.
        required: the attributes that have to be given.
        variadic: whether the inputs are any number of one kind.
    """

    domain: str
    name: str
    function: Function
    traits: T
    static: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    variadic: bool = False


class Registry(Generic[T]):
    """The operators of one target, by domain and name, and those refused, with the reason.

    Args:
        target: the framework's title, for messages.
        traits: the traits that its operators may have, each with a default.
    """

    def __init__(self, target: str, traits: type[T]) -> None:
        self.target = target
        self._traits = traits
        self._ops: dict[tuple[str, str], Op[T]] = {}
        self._refused: dict[tuple[str, str], str] = {}

    def op(
        self, name: str, *, domain: str = "", static: tuple[str, ...] = (), **traits: Any
    ) -> Callable[[Function], Function]:
        """Register the decorated function as an operator.

        Raises:
            ValueError: for an operator registered twice, a static name that is no parameter, or a trait that the target
                does not declare or that cannot have this value; the message names the operator.
        """

        def register(function: Function) -> Function:
            self._add(
                Op(domain, name, function, self._declared(name, traits), frozenset(static), *_interface(function))
            )
            return function

        return register

    def variadic(self, table: Mapping[str, Function], *, domain: str = "", **traits: Any) -> None:
        """Register operators without attributes by name, each a function of any number of operands; see `op`."""
        for name, function in table.items():
            self._add(Op(domain, name, function, self._declared(name, traits), variadic=True))

    def refuse(self, reasons: Mapping[str, str], *, domain: str = "") -> None:
        """Name operators that the target cannot express, each with the reason."""
        self._refused.update({(domain, name): reason for name, reason in reasons.items()})

    def find(self, domain: str, name: str) -> Op[T] | None:
        """Return an operator, or None."""
        return self._ops.get((_canonical(domain), name))

    def refusal(self, domain: str, name: str) -> str | None:
        """Return the reason why an operator is refused, or None when it is not."""
        return self._refused.get((_canonical(domain), name))

    def keys(self) -> set[tuple[str, str]]:
        """Return the domain and the name of every operator that is registered or refused."""
        return {*self._ops, *self._refused}

    def _declared(self, name: str, given: Mapping[str, Any]) -> T:
        known = [item.name for item in fields(self._traits)]
        if unknown := sorted(set(given) - set(known)):
            raise ValueError(
                f"{self.target}: the operator {name} has the unknown trait {', '.join(unknown)}; known: {', '.join(known)}"
            )
        return self._traits(**given)

    def _add(self, op: Op[T]) -> None:
        key = (op.domain, op.name)
        if key in self._ops:
            raise ValueError(f"{self.target}: the operator {op.domain}.{op.name} is registered twice")
        if unknown := op.static - set(op.parameters):
            raise ValueError(f"{self.target}: {op.name} has no parameter {', '.join(unknown)}")
        try:
            op.traits.check(op.parameters)
        except ValueError as error:
            raise ValueError(f"{self.target}: the operator {op.name}: {error}") from error
        self._ops[key] = op


def snake(name: str) -> str:
    """Return an attribute's name in snake case: transA becomes trans_a."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def bind(
    op: Op[Traits], inputs: list[Any], attributes: Mapping[str, Any], wanted: int
) -> tuple[list[Any], dict[str, Any]]:
    """Bind a node's inputs and attributes to the positional and keyword arguments of an operator's function.

    Args:
        op: the operator.
        inputs: one value for each input of the node; None where it is absent.
        attributes: the node's attributes by their ONNX names.
        wanted: the number of outputs that the node asks for.

    Raises:
        Unsupported: for an attribute or an input that the function does not know: neither is ever dropped; and for an
            attribute that it cannot do without.
    """
    given = {snake(name): value for name, value in attributes.items()}
    if unknown := set(given) - set(op.attributes):
        raise Unsupported(f"the attribute {', '.join(sorted(unknown))} is not known")
    if missing := op.required - set(given):
        raise Unsupported(f"the attribute {', '.join(sorted(missing))} is missing")
    if not op.variadic:
        while inputs and inputs[-1] is None:
            inputs.pop()
        if len(inputs) > len(op.parameters):
            raise Unsupported(f"{len(inputs)} inputs, where at most {len(op.parameters)} are known")
    if "wanted" in op.attributes:
        given["wanted"] = wanted
    return inputs, given


def _canonical(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _interface(function: Function) -> tuple[tuple[str, ...], dict[str, Any], frozenset[str], bool]:
    parameters = inspect.signature(function).parameters.values()
    positional = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    keywords = {p.name: None if p.default is p.empty else p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    required = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty)
    return positional, keywords, required, any(p.kind is p.VAR_POSITIONAL for p in parameters)
