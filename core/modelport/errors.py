"""The error tree.

Every error says what happened, where, and what to do, and carries the exit status of the command line:

====== =============================================
status meaning
====== =============================================
1      a bug of modelport
2      wrong usage or bad input
3      cannot be converted, or the plugin failed
4      refused by the checker
5      not equivalent, or not provable
6      framework (or plugin) not installed
7      refused as unsafe
130    interrupted (143: terminated)
====== =============================================
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

__all__ = [
    "AmbiguousSource",
    "BadInput",
    "BrokenHook",
    "CannotConvert",
    "CheckFailed",
    "DirectionNotSupported",
    "FactoryFailed",
    "FrameworkNotInstalled",
    "InputsRefused",
    "InvalidOption",
    "InvalidSamples",
    "InvalidSignature",
    "ModelportError",
    "NotEquivalent",
    "OpsetNotReachable",
    "OutOfMemory",
    "OutputNotWritable",
    "PluginFailed",
    "PluginNotLoadable",
    "ProofIncomplete",
    "SignatureNeeded",
    "SourceNotFound",
    "SourceUnreadable",
    "StateDictMismatch",
    "TooLarge",
    "UnknownFormat",
    "UnknownFramework",
    "UnsafeSource",
    "UnsupportedOps",
    "first_lines",
    "inputs_refused",
    "nearest",
    "out_of_memory",
]


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate most similar to `name`, or None when nothing is close."""
    matches = difflib.get_close_matches(name.lower(), list(candidates), n=1, cutoff=0.5)
    return matches[0] if matches else None


class ModelportError(Exception):
    """Base of every error that modelport raises on purpose.

    Args:
        what: one sentence saying what happened.
        where: the file, node, input or stage it happened at.
        remedy: what the reader can do about it.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.remedy:
            lines.append(f"  what to do: {self.remedy}")
        return "\n".join(lines)


# --- 2: wrong usage or bad input -----------------------------------------------------------------


class BadInput(ModelportError):
    """Wrong usage or bad input; the base of all errors with exit status 2."""

    exit_status = 2


class SourceNotFound(BadInput):
    """The source path does not exist."""


class SourceUnreadable(BadInput):
    """The source exists but is empty, truncated, damaged or not of the format it claims to be."""


class UnknownFormat(BadInput):
    """No installed plugin recognises the source or the target."""


class AmbiguousSource(BadInput):
    """Two plugins claim the source with equal confidence.

    Args:
        source: the path.
        candidates: the keys of the frameworks that claim it.
    """

    def __init__(self, source: str, candidates: Sequence[str]) -> None:
        self.candidates = tuple(candidates)
        super().__init__(
            f"the source could belong to {' or '.join(candidates)}",
            where=source,
            remedy=f"name the framework: {' or '.join(f'--from {key}' for key in candidates)}",
        )


class UnknownFramework(BadInput):
    """No plugin is registered under this key or alias."""

    def __init__(self, key: str, known: Sequence[str]) -> None:
        self.key = key
        self.suggestion = nearest(key, known)
        hint = f"did you mean {self.suggestion!r}? " if self.suggestion else ""
        super().__init__(
            f"there is no framework {key!r}",
            remedy=f"{hint}known: {', '.join(sorted(known))}; `modelport plugins` shows what each can do",
        )


class InvalidOption(BadInput):
    """A plugin option is unknown or its value cannot be read as the declared type."""


class InvalidSignature(BadInput):
    """An --input does not parse, or contradicts the model (name, dtype, rank, fixed dimension)."""


class SignatureNeeded(BadInput):
    """The model does not say what its inputs are, and the user has not said it either."""


class InvalidSamples(BadInput):
    """The user's samples do not fit the signature: wrong columns, dtypes, shapes, or NaN."""


class InputsRefused(BadInput):
    """A model does not admit these inputs: their sizes, ranks, dtypes or values.

    Raised by a plugin's hook `run`, usually through `inputs_refused`. Any other exception of `run` is the plugin's own fault.
    """


class FactoryFailed(BadInput):
    """The `module:factory` of --model cannot be imported or called, or returned no model."""


class StateDictMismatch(BadInput):
    """The keys or shapes of a state dict do not match the module built by --model.

    Args:
        where: the state-dict file.
        missing: keys of the module that the file lacks.
        unexpected: keys of the file that the module lacks.
        shapes: one line for each key whose shape differs.
    """

    def __init__(
        self, where: str, missing: Sequence[str], unexpected: Sequence[str], shapes: Sequence[str] = ()
    ) -> None:
        self.missing, self.unexpected, self.shapes = tuple(missing), tuple(unexpected), tuple(shapes)
        parts = [
            f"{title} ({len(keys)}): {', '.join(keys)}"
            for title, keys in (("missing", missing), ("unexpected", unexpected), ("other shape", shapes))
            if keys
        ]
        super().__init__(
            "the state dict does not fit the module that --model builds: " + "; ".join(parts),
            where=where,
            remedy="pass the factory (and its arguments) that the weights were saved from",
        )


class OutputNotWritable(BadInput):
    """The target cannot be written: no such folder, no permission, no space."""


class TooLarge(BadInput):
    """A tensor that the source (or --input) asks for is beyond the memory limit; nothing was allocated.

    Bad input (2) and not "cannot be converted" (3): the same source converts on a larger machine or with a larger --memory.
    """


# --- 3: cannot be converted ----------------------------------------------------------------------


class CannotConvert(ModelportError):
    """The model has no form in the target; the base of all errors with exit status 3."""

    exit_status = 3


class DirectionNotSupported(CannotConvert):
    """The framework's plugin has no hook for the direction asked for."""


class OpsetNotReachable(CannotConvert):
    """The exporter's result cannot be carried to the requested opset."""


class UnsupportedOps(CannotConvert):
    """Operators that the target cannot express, all of them at once.

    Args:
        ops: one line for each: domain, operator, version, node name and reason.
        where: the model.
    """

    def __init__(self, ops: Sequence[str], *, where: str | None = None, remedy: str | None = None) -> None:
        self.ops = tuple(ops)
        super().__init__(
            f"{len(self.ops)} operator(s) cannot be converted:\n    " + "\n    ".join(self.ops),
            where=where,
            remedy=remedy,
        )


class PluginFailed(CannotConvert):
    """A plugin raised an error of its own: a bug to report to its authors.

    The model cannot be converted with this plugin (3), and no bug of modelport's core (1) is behind it.
    """


class BrokenHook(PluginFailed):
    """A hook returned what the specification does not allow, or tried to end the program."""


class OutOfMemory(CannotConvert):
    """The system, or a limit of the process, gave no more memory.

    Cannot be converted (3), here and now: the source and the request may be right (2), and it is no bug of ours (1).
    """

    def __init__(self, what: str = "out of memory", *, where: str | None = None) -> None:
        remedy = (
            "free memory, raise the limit of this process (ulimit -v), or use a machine with more; smaller sizes in --input "
            "and fewer --samples need less"
        )
        super().__init__(what, where=where, remedy=remedy)


@contextlib.contextmanager
def inputs_refused(title: str, kinds: type[Exception] | tuple[type[Exception], ...] = Exception) -> Iterator[None]:
    """Turn what a model raises when it is called into InputsRefused: to be put around that call, and nothing else.

    Errors of modelport and missing modules stay what they are.

    Args:
        title: of the framework, for the message.
        kinds: the framework's exceptions for inputs that a model does not admit; all exceptions where models hold Python code
            of their authors.

    Raises:
        InputsRefused: from an exception of these kinds.
    """
    try:
        yield
    except (ModelportError, ImportError):
        raise
    except kinds as error:
        raise InputsRefused(
            f"{title} does not admit these inputs: {type(error).__name__}: {first_lines(error)}",
            remedy="give inputs of the sizes, ranks and dtypes that the model takes: `modelport inspect` prints its signature",
        ) from error


def first_lines(error: BaseException, limit: int = 3) -> str:
    """Return the first lines of an error's message that are not empty, without colours, on one line."""
    from click import unstyle  # here, as it costs at every start what few errors need

    lines = [line.strip() for line in unstyle(str(error)).splitlines() if line.strip()]
    text = " / ".join(lines[:limit])
    return text if len(text) <= 600 else text[:600] + " …"


_NO_MEMORY = re.compile(
    r"bad[_ ]?alloc|out of memory|not enough memory|insufficient memory|\boom when allocating|resource[_ ]?exhausted"
    r"|(can't|cannot|could not|couldn't|failed to|unable to) allocate|failed to map segment|can't start new thread"
    r"|failed to serialize proto",
    re.IGNORECASE,
)
"""How they say it: C++, PyTorch, TensorFlow, ONNX Runtime, NumPy, the loader of libraries, Python's threads, protobuf."""


def out_of_memory(error: BaseException) -> OutOfMemory | None:
    """Return an error as OutOfMemory where it is one, or comes of one, under whatever name; else None."""
    if isinstance(error, OutOfMemory) or not isinstance(error, Exception):
        return error if isinstance(error, OutOfMemory) else None
    for cause in _chain(error):
        if isinstance(cause, MemoryError) or getattr(cause, "errno", None) == errno.ENOMEM:
            break
        if not isinstance(cause, ModelportError) and _NO_MEMORY.search(str(cause)):
            break
    else:
        return None
    return OutOfMemory(where=getattr(error, "where", None))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it comes of."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


# --- 4 and 5: the core's verdicts ----------------------------------------------------------------


class CheckFailed(ModelportError):
    """The ONNX checker, shape inference or ONNX Runtime refuses the exported file."""

    exit_status = 4


class NotEquivalent(ModelportError):
    """The result computes something else than its reference; the message lists every failing output."""

    exit_status = 5


class ProofIncomplete(NotEquivalent):
    """The proof could not run its minimum, so nothing has been proven."""


# --- 6, 7 ---------------------------------------------------------------------------------------


class FrameworkNotInstalled(ModelportError):
    """A framework that the conversion needs is not installed.

    Args:
        key: the framework's key.
        module: the module that could not be imported.
        install: the exact command that installs it.
    """

    exit_status = 6

    def __init__(self, key: str, module: str, install: str) -> None:
        self.key, self.module, self.install = key, module, install
        super().__init__(f"{key} needs the package {module!r}, which is not installed", remedy=install)


class PluginNotLoadable(ModelportError):
    """A plugin's own module fails to import."""

    exit_status = 6


class UnsafeSource(ModelportError):
    """Loading the source would run code that it carries."""

    exit_status = 7
