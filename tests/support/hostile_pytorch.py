"""Hostile PyTorch files of every format, and what each does when it is trusted."""

from __future__ import annotations

import contextlib
import json
import struct
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hostile import SECRET, Nest
from hostile_exported import EXPORTED, HANGING
from hostile_torch import Hostile, Net, Writes
from hostile_torchscript import TORCHSCRIPT
from torch import nn

from modelport.signature import parse_inputs
from modelport.spec import Options
from modelport_plugins import pytorch as plugin

# --- pickles -------------------------------------------------------------------------------------


def saved(content: Callable[[Path], Any], **how: Any) -> Hostile:
    """What torch.save writes of something that holds a call."""

    def make(folder: Path, nest: Nest) -> Path:
        path = folder / "model.pth"
        torch.save(content(nest.canary), path, **how)
        return path

    return Hostile(make)


def hooked(canary: Path) -> nn.Module:
    net = Net()
    net.extra = Writes(canary)  # type: ignore[assignment]
    return net


LEGACY = {"_use_new_zipfile_serialization": False}
PICKLED: dict[str, Hostile] = {
    "a zip": saved(Writes),
    "an old pickle": saved(Writes, **LEGACY),
    "an old pickle of protocol 4": saved(Writes, pickle_protocol=4, **LEGACY),
    "a zip of protocol 5": saved(Writes, pickle_protocol=5),
    "a module": saved(hooked),
    "an old module": saved(hooked, **LEGACY),
    "a state dict with a call in it": saved(lambda c: {"w": torch.ones(3), "b": Writes(c)}),
    "a call deep in a checkpoint": saved(lambda c: {"state_dict": {"w": torch.ones(3)}, "history": [[[Writes(c)]]]}),
}


# --- safetensors ---------------------------------------------------------------------------------


def tensors(header: Any, data: bytes = b"\0" * 12, length: int | None = None) -> Hostile:
    """A .safetensors file with this header, as JSON or as bytes."""

    def make(folder: Path, nest: Nest) -> Path:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        path = folder / "model.safetensors"
        path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
        return path

    return Hostile(make, fires="", status=2)


def weight(*shape: int, start: int = 0, end: int = 12) -> dict[str, Any]:
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}


SAFETENSORS: dict[str, Hostile] = {
    "a header of 2**63 bytes": tensors({"w": weight(3)}, length=2**63),
    "a header longer than the file": tensors({"w": weight(3)}, length=4096),
    "a header nested a hundred thousand times": tensors(b'{"w":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "tensors that overlap": tensors({"w": weight(3), "v": weight(2, start=4)}),
    "a tensor beyond the file": tensors({"w": weight(2**40, end=2**42)}),
    "a shape that overflows": tensors({"w": weight(2**32, 2**32, 2**32)}),
    "a negative size": tensors({"w": weight(-3)}),
}


FILES = {
    f"{family}: {name}": hostile
    for family, files in (
        ("TorchScript", TORCHSCRIPT),
        ("program", EXPORTED | HANGING),
        ("pickle", PICKLED),
        ("safetensors", SAFETENSORS),
    )
    for name, hostile in files.items()
}


def fire(folder: Path) -> None:
    """Load and run every file as trusted, and write which of them did what they do to ``fired.json``.

    To be called in a process of its own, whose standard output is ``printed.txt`` in the folder.
    """
    warnings.simplefilter("ignore")
    fired = {}
    for number, (name, hostile) in enumerate(FILES.items()):
        if hostile.fires in ("", "hangs"):
            continue
        nest_folder = folder / str(number)
        nest_folder.mkdir()
        nest = Nest(nest_folder)
        path = hostile.make(nest_folder, nest)
        sys.modules.pop("this", None)
        first = trusted(path)
        nest.secret.write_bytes(SECRET[::-1])
        sys.stdout.flush()
        fired[name] = {
            "writes": nest.canary.exists(),
            "reads": first is not None and first != trusted(path),
            "prints": str(nest.canary) in (folder / "printed.txt").read_text(),
            "imports": "this" in sys.modules,
        }[hostile.fires]
    (folder / "fired.json").write_text(json.dumps(fired))


def trusted(path: Path) -> bytes | None:
    """Load a file with --trust and run it; returns its first output, or None where it fails, as most do after their deed."""
    specs, _ = parse_inputs(["x:float32[N,3]"])
    options = Options(trust=True, inputs=specs)
    inputs = {"x": np.ones((2, 3), np.float32), "scale": np.ones(1, np.float32)}
    with contextlib.suppress(Exception):
        model = plugin.load(path, options)
        outputs = plugin.run(model, plugin.signature(model, options), inputs)
        return next(iter(outputs.values())).tobytes()
    return None
