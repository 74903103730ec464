"""Writing .skops archives whose schema or members are edited after a model was fitted."""

from __future__ import annotations

import io
import json
import zipfile

import skops.io


def edited(model, path, edit):
    """Write an archive whose schema is edited in place; `edit` is given the schema and the members by name."""
    stream = io.BytesIO()
    skops.io.dump(model, stream)
    with zipfile.ZipFile(stream) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop("schema.json"))
    edit(schema, members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**members, "schema.json": json.dumps(schema)}.items():
            archive.writestr(name, content)
    return path


def nodes(schema, name):
    """Yield the descriptions of all objects of a class."""
    pending = [schema]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if item.get("__class__") == name:
                yield item
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def text(value):
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}
