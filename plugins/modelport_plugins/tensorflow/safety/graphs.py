"""A GraphDef and its function library: data flow between nodes, and the call graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelport.errors import SourceUnreadable


@dataclass(frozen=True)
class Body:
    """The nodes of the main graph or of one function.

    Attributes:
        name: of the function; "" for the main graph.
        nodes: NodeDef protos by name.
        arguments: of the function, in order.
    """

    name: str
    nodes: Mapping[str, Any]
    arguments: tuple[str, ...] = ()

    def where(self, node: str) -> str:
        """Say where a node is, for people."""
        return f"the node {node!r} of the function {self.name!r}" if self.name else f"the node {node!r}"

    def origin(self, tensor: str) -> str:
        """Return the node or argument that a tensor comes from unchanged."""
        name, seen = source(tensor), set[str]()
        while name in self.nodes and self.nodes[name].op == "Identity" and name not in seen and self.nodes[name].input:
            seen.add(name)
            name = source(self.nodes[name].input[0])
        return name

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Return the nodes of these names and all that they depend on, by tensors or by order."""
        found: set[str] = set()
        waiting = [name for name in names if name in self.nodes]
        while waiting:
            name = waiting.pop()
            if name in self.nodes and name not in found:
                found.add(name)
                waiting.extend(map(source, self.nodes[name].input))
        return found


class Library:
    """The main graph with its functions.

    Attributes:
        main: the main graph.
        functions: by name.
        order: the names of the functions, callees first.
        sinks: for each kind of operators that open files, the arguments, by function, that name them.
    """

    def __init__(self, graph: Any, where: str) -> None:
        """Index a GraphDef; raises SourceUnreadable for functions that call each other in a circle, or names twice."""
        self.main = Body("", _by_name(graph.node, where))
        self.functions = {
            function.signature.name: Body(
                function.signature.name,
                _by_name(function.node_def, where),
                tuple(argument.name for argument in function.signature.input_arg),
            )
            for function in graph.library.function
        }
        self.order = self._callees_first(where)
        self.sinks: dict[Any, dict[str, set[int]]] = {}

    @property
    def bodies(self) -> list[Body]:
        """The main graph and the functions."""
        return [self.main, *self.functions.values()]

    def called(self, node: Any) -> list[str]:
        """Return the functions that a node may call: those that its attributes name, and its operator if it is one."""
        return [name for name in (node.op, *_functions_in(node.attr)) if name in self.functions]

    def closure(self, names: Iterable[str]) -> set[str]:
        """Return the functions of these names and all that they may call."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in self.functions and name not in found:
                found.add(name)
                waiting.extend(self._callees(name))
        return found

    def _callees(self, name: str) -> list[str]:
        return [called for node in self.functions[name].nodes.values() for called in self.called(node)]

    def _callees_first(self, where: str) -> list[str]:
        """Return the names of the functions, callees first."""
        order: dict[str, None] = {}
        open_: set[str] = set()
        for root in self.functions:
            stack = [(root, False)]
            while stack:
                name, done = stack.pop()
                if done:
                    order[name] = None
                    open_.discard(name)
                elif name in open_:
                    raise SourceUnreadable(
                        "a function of the graph calls itself, directly or through others, so that it never ends",
                        where=f"{where}: the function {name!r}",
                        remedy="save the model again, with a while loop in its place",
                    )
                elif name not in order:
                    open_.add(name)
                    stack.append((name, True))
                    stack.extend((callee, False) for callee in set(self._callees(name)) - set(order))
        return list(order)


def source(tensor: str) -> str:
    """Return the node or argument that a tensor's or a control input's name begins with."""
    return tensor.removeprefix("^").partition(":")[0]


def _by_name(nodes: Any, where: str) -> dict[str, Any]:
    found = {node.name: node for node in nodes}
    if len(found) != len(nodes):
        raise SourceUnreadable(
            "two nodes of the graph have the same name", where=where, remedy="check that the file is complete"
        )
    return found


def _functions_in(attributes: Any) -> Iterator[str]:
    for value in attributes.values():
        for function in (value.func, *value.list.func):
            if function.name:
                yield function.name
                yield from _functions_in(function.attr)
