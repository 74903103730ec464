"""Import circles between files of core, converters and plugins: ``python tests/import_circles.py`` prints them, and ends with 1.

Imports inside functions count, as they only hide a circle; those for annotations alone (``if TYPE_CHECKING:``) do not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SOURCE_ROOTS = ("core", "converters", "plugins")


def modules(repository: Path = REPOSITORY) -> dict[str, Path]:
    """Return the file of every module in the source roots, by dotted name; a package's is its __init__.py."""
    found = {}
    for root in SOURCE_ROOTS:
        for path in sorted((repository / root).rglob("*.py")):
            parts = path.relative_to(repository / root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: Set[str]) -> set[str]:
    """Return those of the known modules that a file imports by name; relative imports are not used here."""
    found: set[str] = set()
    for node in _runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found.update(name if name in known else str(node.module) for name in names)
    return found & known


def circles(graph: Mapping[str, Set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module, each sorted."""
    reached = {module: _reachable(graph, module) for module in graph}
    found = {frozenset(other for other in reached[module] if module in reached[other]) | {module} for module in reached}
    return sorted(sorted(component) for component in found if len(component) > 1)


def _reachable(graph: Mapping[str, Set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for module in graph[waiting.pop()] - found:
            found.add(module)
            waiting.append(module)
    return found


def _runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all nodes below it that a running program can reach."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield from _runtime_nodes(other)
        else:
            yield from _runtime_nodes(child)


def import_graph(repository: Path = REPOSITORY) -> dict[str, set[str]]:
    """Return for every module the modules that it imports, itself left out."""
    files = modules(repository)
    return {name: imported(path, files.keys()) - {name} for name, path in files.items()}


def main() -> int:
    """Print the number of circles and the modules of each; return 1 if there are any."""
    found = circles(import_graph())
    print(f"{len(found)} import circles")  # noqa: T201
    for component in found:
        print("  " + ", ".join(component))  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
