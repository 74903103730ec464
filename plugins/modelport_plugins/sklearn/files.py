"""Recognising and loading saved estimators; what runs code on loading is refused unless the user trusts it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from modelport import Detection
from modelport.errors import CannotConvert, SourceUnreadable, UnsafeSource

from . import trees

_PICKLES = (".joblib", ".pkl", ".pickle")
_HEAD_BYTES = 4096
_HARMLESS = (trees.TREE, "numpy.dtype", "sklearn.utils._bunch.Bunch")
"""What skops does not trust by itself: trees, which are checked here; dtypes, read from an empty array; a kind of dictionary."""


def detect(source: Path) -> Detection | None:
    """Claim a file by its zip listing (skops) or its first bytes (pickle, joblib); nothing is unpickled."""
    if source.is_dir():
        return None
    suffix = source.suffix.lower()
    if suffix == ".skops":
        listed = "schema.json" in _listing(source)
        return Detection(1.0, "a skops archive") if listed else Detection(0.5, "the suffix .skops")
    with source.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    pickled = head[:1] == b"\x80" and 2 <= head[1] <= 5 if len(head) > 1 else False
    if pickled and b"sklearn" in head:
        return Detection(0.9, "a pickle that names sklearn")
    if suffix == ".joblib":
        return Detection(0.6, "the suffix .joblib")
    if suffix in _PICKLES:
        return Detection(0.4, "a pickle" if pickled else f"the suffix {suffix}")
    return None


def load(source: Path, trust: bool) -> Any:
    """Load a fitted estimator.

    Raises:
        UnsafeSource: for a pickle, or types that skops does not know, unless `trust`.
        SourceUnreadable: for a damaged file, or one that holds no estimator.
        CannotConvert: for an estimator that has not been fitted.
    """
    model = _load_skops(source, trust) if source.suffix.lower() == ".skops" else _load_pickle(source, trust)
    check_fitted(model, str(source))
    return model


def check_fitted(model: Any, where: str | None) -> None:
    """Raise SourceUnreadable for what is no estimator, CannotConvert for one that has not been fitted."""
    from sklearn.base import BaseEstimator
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(model, BaseEstimator):
        raise SourceUnreadable(
            f"this is no scikit-learn estimator but a {type(model).__module__}.{type(model).__qualname__}",
            where=where,
            remedy="save the fitted estimator or pipeline itself",
        )
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise CannotConvert(
            f"the {type(model).__name__} has not been fitted", where=where, remedy="call fit(X, y) before saving it"
        ) from error


def _listing(source: Path) -> list[str]:
    try:
        with zipfile.ZipFile(source) as archive:
            return archive.namelist()
    except zipfile.BadZipFile:
        return []


def _load_skops(source: Path, trust: bool) -> Any:
    from skops import io

    if "schema.json" not in _listing(source):
        raise SourceUnreadable(
            "this is no complete skops archive", where=str(source), remedy="write it again with skops.io.dump"
        )
    try:
        found = io.get_untrusted_types(file=source)
    except Exception as error:
        raise _damaged(source, error) from error
    untrusted = [name for name in found if name not in _HARMLESS]
    if untrusted and not trust:
        raise UnsafeSource(
            f"the file holds types that skops does not know to be safe: {', '.join(untrusted)}",
            where=str(source),
            remedy="pass --trust if you know where the file comes from",
        )
    try:
        model = io.load(source, trusted=found)
        trees.check(model)
        return model
    except Exception as error:
        raise _damaged(source, error) from error


def _load_pickle(source: Path, trust: bool) -> Any:
    import joblib

    if not trust:
        raise UnsafeSource(
            "loading a pickle runs whatever code it carries",
            where=str(source),
            remedy="pass --trust if you know where the file comes from, or save the estimator safely: "
            "skops.io.dump(estimator, 'model.skops')",
        )
    try:
        return joblib.load(source)
    except Exception as error:
        raise _damaged(source, error) from error


def _damaged(source: Path, error: Exception) -> SourceUnreadable:
    return SourceUnreadable(
        f"the file cannot be loaded: {type(error).__name__}: {error}",
        where=str(source),
        remedy="check that it is complete and that this scikit-learn can read it; save it again if need be",
    )
