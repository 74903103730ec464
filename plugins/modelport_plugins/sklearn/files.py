"""Detection and loading of saved estimators; what can run code on loading is refused without --trust."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelport import Detection
from modelport.errors import CannotConvert, SourceUnreadable, UnsafeSource
from modelport_plugins.sklearn import skops_archives

_PICKLES = (".joblib", ".pkl", ".pickle")
_HEAD_BYTES = 4096


def detect(source: Path) -> Detection | None:
    """Claim a file by its zip listing (skops) or its first bytes (pickle, joblib); nothing is unpickled."""
    if source.is_dir():
        return None
    suffix = source.suffix.lower()
    if suffix == ".skops":
        return (
            Detection(1.0, "a skops archive")
            if skops_archives.is_archive(source)
            else Detection(0.5, "the suffix .skops")
        )
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


def load(source: Path, trust: bool, trust_types: tuple[str, ...] = ()) -> Any:
    """Load a fitted estimator.

    Raises:
        UnsafeSource: for a pickle, or types that are not known to be harmless, unless they are trusted.
        SourceUnreadable: for a damaged file, or one that holds no estimator.
        CannotConvert: for an estimator that has not been fitted.
    """
    skops = source.suffix.lower() == ".skops"
    model = skops_archives.load(source, trust, trust_types) if skops else _load_pickle(source, trust)
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
        raise skops_archives.damaged(source, error) from error
