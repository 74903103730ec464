"""``--model module:factory``: importing a user's factory and calling it, for every plugin that loads weights alone."""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport.errors import FactoryFailed, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

_REMEDY = "write --model module:factory, or module:factory(depth=18) with literal arguments"


def build(text: str, kind: type[Any], kind_name: str) -> Any:
    """Build a model from ``module:factory`` or ``module:factory(literal, name=literal)``.

    Args:
        text: the value of --model. Modules are looked up in the current directory first, as Python does for scripts.
        kind: the class that the result must be an instance of.
        kind_name: what the user calls that class.

    Raises:
        FactoryFailed: when the text does not parse, or the factory cannot be imported, raises, or returns something else.
    """
    module_name, path, args, kwargs = _parse(text)
    with current_directory_first():
        factory = _find(module_name, path, text)
        try:
            model = factory(*args, **kwargs)
        except Exception as error:
            raise FactoryFailed(
                f"the factory raised {type(error).__name__}: {error}",
                where=f"--model {text}",
                remedy="make it work when called like this in Python; literals may follow its name in parentheses",
            ) from error
    if not isinstance(model, kind):
        raise FactoryFailed(
            f"the factory returned {type(model).__name__}, not a {kind_name}",
            where=f"--model {text}",
            remedy=f"name a class derived from {kind_name}, or a function that returns an instance of one",
        )
    return model


def _parse(text: str) -> tuple[str, str, list[Any], dict[str, Any]]:
    """Split ``module:path(arguments)``; the arguments are literals, never evaluated as code."""
    module_name, _, call = text.partition(":")
    path, parenthesis, _ = call.partition("(")
    try:
        expression = ast.parse(call if parenthesis else f"{call}()", mode="eval").body
        if not isinstance(expression, ast.Call):
            raise ValueError("no call")
        args = [ast.literal_eval(argument) for argument in expression.args]
        kwargs = {keyword.arg: ast.literal_eval(keyword.value) for keyword in expression.keywords}
    except (SyntaxError, ValueError) as error:
        raise FactoryFailed("cannot read the factory", where=f"--model {text}", remedy=_REMEDY) from error
    names = (module_name.strip(), path.strip())
    if not all(part.isidentifier() for name in names for part in name.split(".")) or None in kwargs:
        raise FactoryFailed("cannot read the factory", where=f"--model {text}", remedy=_REMEDY)
    return *names, args, {str(name): value for name, value in kwargs.items()}


def _find(module_name: str, path: str, text: str) -> Callable[..., Any]:
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise FactoryFailed(
            f"the module {module_name} cannot be imported: {type(error).__name__}: {error}",
            where=f"--model {text}",
            remedy="run the command in the folder that holds the module, or install it",
        ) from error
    for name in path.split("."):
        if not hasattr(found, name):
            close = nearest(name, [candidate for candidate in dir(found) if not candidate.startswith("_")])
            hint = f"did you mean {close!r}? " if close else ""
            raise FactoryFailed(f"{module_name} has no {path!r}", where=f"--model {text}", remedy=hint + _REMEDY)
        found = getattr(found, name)
    if not callable(found):
        raise FactoryFailed(
            f"{path} is a {type(found).__name__} and cannot be called", where=f"--model {text}", remedy=_REMEDY
        )
    return found  # type: ignore[no-any-return]


def import_user_module(name: str) -> ModuleType:
    """Import a module by its dotted name, looked up in the current directory first."""
    with current_directory_first():
        return importlib.import_module(name)


@contextlib.contextmanager
def current_directory_first() -> Iterator[None]:
    """Look modules up in the current directory first, as Python does for scripts."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)
