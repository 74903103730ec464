"""Plugin options: parsed and validated against their schema, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.errors import InvalidOption, nearest
from modelport.spec import Framework, Option


def parse_options(framework: Framework, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the options of one plugin; raises InvalidOption for an unknown name or an unreadable value."""
    return split_options([framework], given)[0]


def split_options(frameworks: Sequence[Framework], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give each plugin of a route the options that are its own.

    Returns:
        For each plugin, every option of its schema, with its default where the user says nothing.

    Raises:
        InvalidOption: for a name that no plugin has (with the nearest valid one), or a value that cannot be read.
    """
    schemas = [{option.name: option for option in framework.options} for framework in frameworks]
    for name in given:
        if not any(name in schema for schema in schemas):
            raise _unknown(name, frameworks)
    return [
        {name: _read(option, given[name]) if name in given else option.default for name, option in schema.items()}
        for schema in schemas
    ]


def lossy_options(framework: Framework, values: Mapping[str, Any]) -> list[str]:
    """Return the options, as ``name=value``, by which the user gives up digits of the result."""
    lossy = [option for option in framework.options if option.lossy and values[option.name] != option.default]
    return [f"{option.name}={values[option.name]}" for option in lossy]


def _unknown(name: str, frameworks: Sequence[Framework]) -> InvalidOption:
    keys = list(dict.fromkeys(framework.key for framework in frameworks))
    known = list(dict.fromkeys(option.name for framework in frameworks for option in framework.options))
    close = nearest(name, known)
    hint = f"did you mean {close!r}? " if close else ""
    has = f"known: {', '.join(known)}" if known else "there are none"
    where = " and ".join(f"`modelport plugins {key}`" for key in keys)
    title = f"the {keys[0]} plugin has" if len(keys) == 1 else f"the {' and '.join(keys)} plugins have"
    return InvalidOption(f"{title} no option {name!r}", remedy=f"{hint}{has}; see {where}")


def _read(option: Option, value: Any) -> Any:
    if value is None and option.default is None:
        return None
    try:
        result = _typed(option, value)
    except (ValueError, KeyError):
        result = None
    if result is None or (option.choices and result not in option.choices):
        wanted = f"one of {', '.join(option.choices)}" if option.choices else f"a value of type {option.type}"
        raise InvalidOption(f"the option {option.name} cannot be {value!r}", remedy=f"give {wanted}")
    return result


def _typed(option: Option, value: Any) -> Any:
    if not isinstance(value, str):
        kinds = {"str": str, "int": int, "float": int | float, "bool": bool}[option.type]
        right = isinstance(value, kinds) and isinstance(value, bool) == (option.type == "bool")
        return (float(value) if option.type == "float" else value) if right else None
    if option.type == "bool":
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[value.lower()]
    return {"str": str, "int": int, "float": float}[option.type](value)
