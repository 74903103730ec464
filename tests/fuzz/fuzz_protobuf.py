"""Mutations of any protobuf message, found by reflection: ONNX models, SavedModels, frozen graphs, fingerprints."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from fuzz_values import EXTREMES, FLOATS, TEXTS, mutated_bytes, mutated_text

_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "enum": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}


def mutated_message(message: Any, random: Random) -> str:
    """Change one field of a message in place, however deep; returns what was changed."""
    places = list(_places(message))
    if not places:
        return "protobuf: nothing is left"
    while True:
        holder, field = random.choice(places)
        try:
            if random.random() < 0.2:
                return _filled(holder, random)
            action = _mutate_list(holder, field, random) if _repeated(field) else _mutate_one(holder, field, random)
        except (ValueError, TypeError):  # an enum or an integer that this class does not take, or invalid UTF-8
            continue
        return f"protobuf: {holder.DESCRIPTOR.name}.{field.name}: {action}"


def _places(message: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every message with each of its fields that is set; bulk weights are one field."""
    pending = [message]
    while pending:
        holder = pending.pop()
        for field, value in holder.ListFields():
            yield holder, field
            if _is_map(field):
                pending += [value[key] for key in value] if _map_value(field).message_type else []
            elif field.message_type:
                pending += value if _repeated(field) else [value]


def _repeated(field: Any) -> bool:
    return bool(field.is_repeated)


def _is_map(field: Any) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def _map_value(field: Any) -> Any:
    return field.message_type.fields_by_name["value"]


def _mutate_list(holder: Any, field: Any, random: Random) -> str:
    values = getattr(holder, field.name)
    if _is_map(field):
        del values[random.choice(sorted(values))]
        return "an entry dropped"
    at, other = random.randrange(len(values)), random.randrange(len(values))
    action = random.choice(("drop", "double", "swap", "clear", "other"))
    if action == "drop":
        del values[at]
    elif action == "clear":
        del values[:]
    elif field.message_type:
        action = "double" if action == "double" else "swap"
        copy = type(values[at])()
        copy.CopyFrom(values[other])
        values.add().CopyFrom(values[at]) if action == "double" else values[at].CopyFrom(copy)
    elif action == "double":
        values.append(values[at])
    elif action == "swap":
        values[at] = values[other]
    else:
        values[at] = _another(field, values[at], random)
    return action


def _mutate_one(holder: Any, field: Any, random: Random) -> str:
    if field.message_type or random.random() < 0.15:
        holder.ClearField(field.name)
        return "drop"
    value = _another(field, getattr(holder, field.name), random)
    setattr(holder, field.name, value)
    return f"set to {str(value)[:40]!r}"


def _filled(holder: Any, random: Random) -> str:
    """Set a scalar field, be it set already or not."""
    scalars = [field for field in holder.DESCRIPTOR.fields if not field.message_type]
    if not scalars:
        raise ValueError("no scalar field")
    field = random.choice(sorted(scalars, key=lambda field: field.number))
    if _repeated(field):
        getattr(holder, field.name).append(_another(field, None, random))
    else:
        setattr(holder, field.name, _another(field, None, random))
    return f"protobuf: {holder.DESCRIPTOR.name}.{field.name}: filled"


def _another(field: Any, value: Any, random: Random) -> Any:
    kind = {field.TYPE_ENUM: "enum", field.TYPE_BYTES: "bytes"}.get(field.type) or _scalar_kind(field)
    if kind == "bytes":
        return mutated_bytes(value or b"", random)
    if kind == "string":
        return mutated_text(value, random) if value else random.choice(TEXTS)
    if kind == "bool":
        return not value
    if kind == "float":
        return random.choice(FLOATS)
    low, high = _RANGES[kind]
    number = random.choice((*EXTREMES, (value or 0) + 1, (value or 0) - 1, random.randrange(32)))
    return min(max(number, low), high)


def _scalar_kind(field: Any) -> str:
    names = {
        field.CPPTYPE_INT32: "int32", field.CPPTYPE_INT64: "int64", field.CPPTYPE_UINT32: "uint32",
        field.CPPTYPE_UINT64: "uint64", field.CPPTYPE_DOUBLE: "float", field.CPPTYPE_FLOAT: "float",
        field.CPPTYPE_BOOL: "bool", field.CPPTYPE_STRING: "string",
    }  # fmt: skip
    return names[field.cpp_type]
