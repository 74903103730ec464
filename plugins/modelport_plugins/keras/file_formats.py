"""File formats of Keras: detection, completeness, configuration and version, read without loading a model."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from modelport.errors import BadInput, SourceUnreadable
from modelport.spec import Detection

SUFFIXES = (".keras", ".h5", ".hdf5")
_MEMBERS = {"config.json", "metadata.json"}
_HDF5 = b"\x89HDF\r\n\x1a\n"
_CHECKPOINT = re.compile(r"\.index$|\.data-\d{5}-of-\d{5}$|^checkpoint$")
_WEIGHTS_ONLY = "pass --model module:factory, a function that builds the model that the weights belong to"


def detect(source: Path) -> Detection | None:
    """Claim archives and folders by what they hold, HDF5 files by magic and suffix, checkpoints by their names."""
    if _is_checkpoint(source):
        return Detection(0.6, "a TensorFlow checkpoint, as Keras 2 wrote for weights")
    if source.is_dir():
        return Detection(1.0, "a folder with config.json and metadata.json") if _is_unzipped(source) else None
    if _is_archive(source):
        return Detection(1.0, "a zip archive with config.json and metadata.json")
    suffix = source.suffix.lower()
    if suffix in (".h5", ".hdf5") and _is_hdf5(source):
        return Detection(0.9, f"an HDF5 file with the suffix {suffix}")
    return Detection(0.5, f"the suffix {suffix}") if suffix in SUFFIXES else None


def check_readable(source: Path) -> None:
    """Raise for what Keras reads neither models nor weights from.

    Raises:
        SourceUnreadable: for a truncated file, another suffix than its contents have, or a folder that is no model.
        BadInput: for a checkpoint, whose weights Keras 3 does not read.
    """
    if _is_checkpoint(source):
        raise BadInput(
            "a TensorFlow checkpoint holds weights and no model, and Keras 3 does not read it",
            where=str(source),
            remedy="build the model in Python, restore the checkpoint with tf.train.Checkpoint(model=model).read(...) "
            "and save it as a .keras file",
        )
    if source.is_dir():
        if not _is_unzipped(source):
            what = "the folder is no model that Keras saved"
            raise _unreadable(what, source, "pass a .keras or .h5 file, or a SavedModel with --from tensorflow")
        return
    suffix = source.suffix.lower()
    actual = ".keras" if _is_archive(source) else ".h5" if _is_hdf5(source) else None
    if (actual and (suffix == ".keras") != (actual == ".keras")) or suffix not in SUFFIXES:
        said = f"the suffix is {suffix}" if suffix else "it has no suffix"
        what = (
            f"the file is a model of the kind {actual}, but {said}" if actual else f"Keras reads no such files: {said}"
        )
        raise _unreadable(
            what, source, f"rename it to {source.stem}{actual}" if actual else "pass a .keras or .h5 file"
        )
    if suffix == ".keras" and not zipfile.is_zipfile(source):
        raise _unreadable("not a complete .keras archive", source, "it may be truncated: save or copy it again")


def check_complete(source: Path) -> None:
    """Raise for what Keras cannot load a whole model from: SourceUnreadable, or BadInput for weights alone."""
    check_readable(source)
    if source.suffix.lower() in (".h5", ".hdf5") and "model_config" not in _attributes(source):
        raise BadInput("the file holds weights and no model", where=str(source), remedy=_WEIGHTS_ONLY)


def config_of(source: Path) -> Any:
    """Return the configuration of a whole model, as JSON has it.

    Raises:
        SourceUnreadable: when it is damaged.
    """
    try:
        if source.is_dir():
            return json.loads((source / "config.json").read_bytes())
        if _is_archive(source):
            with zipfile.ZipFile(source) as archive:
                return json.loads(archive.read("config.json"))
        return json.loads(_attributes(source)["model_config"])
    except (KeyError, ValueError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
        what = f"the configuration of the model cannot be read: {error}"
        raise _unreadable(what, source, "it may be truncated: save or copy it again") from error


def written_by(source: Path) -> str | None:
    """Return the version of Keras that wrote a file or folder, None where that cannot be told."""
    try:
        if source.is_dir():
            metadata: Any = json.loads((source / "metadata.json").read_text())
        elif _is_archive(source):
            with zipfile.ZipFile(source) as archive:
                metadata = json.loads(archive.read("metadata.json"))
        else:
            metadata = _attributes(source)
        version = metadata.get("keras_version")
    except (OSError, ValueError, AttributeError, SourceUnreadable):
        return None
    return version.decode() if isinstance(version, bytes) else version and str(version)


def is_newer(version: str, than: str) -> bool:
    """Compare two versions by their leading numbers."""
    first, second = ([int(part) for part in re.findall(r"\d+", text)[:3]] for text in (version, than))
    return first > second


def _attributes(source: Path) -> dict[str, Any]:
    import h5py

    try:
        with h5py.File(source, "r") as file:
            return dict(file.attrs)
    except OSError as error:
        remedy = "it may be truncated: save or copy it again"
        raise _unreadable("not a complete HDF5 file", source, remedy) from error


def _unreadable(what: str, source: Path, remedy: str) -> SourceUnreadable:
    return SourceUnreadable(what, where=str(source), remedy=remedy)


def _is_archive(source: Path) -> bool:
    if not zipfile.is_zipfile(source):
        return False
    with zipfile.ZipFile(source) as archive:
        return set(archive.namelist()) >= _MEMBERS


def _is_unzipped(source: Path) -> bool:
    """Whether a folder is what keras.saving.save_model(..., zipped=False) writes."""
    return all((source / name).is_file() for name in (*_MEMBERS, "model.weights.h5"))


def _is_hdf5(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(len(_HDF5)) == _HDF5


def _is_checkpoint(source: Path) -> bool:
    if source.is_dir():
        return (source / "checkpoint").is_file() and any(source.glob("*.index"))
    return bool(_CHECKPOINT.search(source.name)) and any(source.parent.glob("*.data-?????-of-?????"))
