"""The ways of running a model: an ONNX file on execution providers, a source model as its plugin's variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from modelport.errors import BadInput, nearest
from modelport.loading.open_model import OpenModel
from modelport.session import CPU, Session, open_session
from modelport.spec import HUB
from modelport.workbench.bench.records import Variant

_GPU = "CUDAExecutionProvider"
_SUFFIX = "ExecutionProvider"
_PLAIN = "run"
"""How a model runs whose plugin has no hook for benchmarks."""


Prepare = Callable[[Mapping[str, Any]], Callable[[], object]]
"""Takes inputs and returns a call that runs the model once on them, and has done so once."""


@dataclass(frozen=True)
class Runnable:
    """A variant with what is needed to run it.

    Attributes:
        record: its description.
        model: opened, without a session of its own.
        threads: within an operator; 0 for the engine's own choice.
    """

    record: Variant
    model: OpenModel
    threads: int = 0

    def open(self) -> Prepare:
        """Open the model afresh: an ONNX file gets a new session. What it returns raises BadInput for a model that does not run.

        Raises:
            CheckFailed: when ONNX Runtime refuses the file.
            BadInput: for a provider that does not start.
        """
        session = _session(self.model, self.record.how, self.threads) if self.model.plugin.key == HUB else None
        return partial(self._prepare, session)

    def _prepare(self, session: Session | None, arrays: Mapping[str, Any]) -> Callable[[], object]:
        try:
            call = session.prepared(arrays) if session else self._runner(arrays)
            call()
        except (BadInput, MemoryError):
            raise
        except Exception as error:
            text = " ".join(str(error).split())
            shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
            raise BadInput(
                f"it does not run on {shapes}: {type(error).__name__}: {text[:500]}",
                where=self.record.name,
                remedy="give shapes or --samples that the model admits; --debug shows the traceback",
            ) from error
        return call

    def _runner(self, arrays: Mapping[str, Any]) -> Callable[[], object]:
        model = self.model
        if not model.plugin.has("runner"):
            return partial(model.run, arrays)
        call: Callable[[], object] = model.plugin.call(
            "runner",
            model=model.model,
            signature=model.signature,
            inputs=arrays,
            options=model.options,
            variant="" if self.record.how == _PLAIN else self.record.how,
            threads=self.threads,
        )
        return call


def providers_for(asked: Sequence[str]) -> list[str]:
    """Return full names of execution providers: those asked for (``cuda`` will do), else the CPU, and a GPU if there is one.

    Raises:
        BadInput: for one that is not installed, naming those that are.
    """
    import onnxruntime

    there = onnxruntime.get_available_providers()
    if not asked:
        return [CPU, *([_GPU] if _GPU in there else [])]
    short = {name.removesuffix(_SUFFIX).lower(): name for name in there}
    found = []
    for name in asked:
        key = name.lower().removesuffix(_SUFFIX.lower())
        if key not in short:
            close = nearest(key, short)
            raise BadInput(
                f"the execution provider {name!r} is not installed",
                where="--provider",
                remedy=f"{f'did you mean {short[close]}? ' if close else ''}installed: {', '.join(there)}",
            )
        found.append(short[key])
    return list(dict.fromkeys(found))


def check_variants(models: Sequence[OpenModel], asked: Sequence[str]) -> None:
    """Raise BadInput for a variant that no model has."""
    known = [name for model in models for name in model.plugin.framework.variants]
    for name in asked:
        if name not in known:
            has = ", ".join(dict.fromkeys(known)) or "none"
            raise BadInput(f"no model here has the variant {name!r}", where="--variant", remedy=f"there are: {has}")


def runnables(
    model: OpenModel, *, providers: Sequence[str], variants: Sequence[str] = (), threads: int = 0
) -> list[Runnable]:
    """Return every way to run a model.

    Args:
        model: opened.
        providers: full names; an ONNX file runs once on each.
        variants: of the plugin; those that it lacks are left out, and without any it runs in its usual way.
        threads: within an operator, for ONNX files; 0 for ONNX Runtime's own choice.

    Raises:
        BadInput: for an ONNX model in memory.
    """
    if model.plugin.key == HUB:
        if model.path is None:
            raise BadInput("an ONNX model in memory cannot be measured", remedy="save it and pass its path")
        return [Runnable(_record(model, name, len(providers) > 1), model, threads) for name in providers]
    own = model.plugin.framework.variants
    hows = [name for name in variants if name in own] or [*own[:1]] or [_PLAIN]
    return [Runnable(_record(model, how, how != _PLAIN), model, threads) for how in hows]


def _session(model: OpenModel, provider: str, threads: int) -> Session:
    assert model.path is not None
    # Threads that wait in a busy loop would take the cores from the variant that runs next.
    session = open_session(model.path, providers=list(dict.fromkeys([provider, CPU])), threads=threads, rest=True)
    if session.providers[0] != provider:
        raise BadInput(
            f"{provider} is installed and does not start: ONNX Runtime fell back to {session.providers[0]}",
            where=str(model.path),
            remedy="install the libraries that it needs (for CUDA: those that ONNX Runtime's documentation names)",
        )
    return session


def _record(model: OpenModel, how: str, tell: bool) -> Variant:
    name = model.path.name if model.path else type(model.model).__qualname__
    shown = how.removesuffix(_SUFFIX)
    engine = f"ONNX Runtime {version('onnxruntime')}" if model.plugin.key == HUB else model.plugin.title
    source = str(model.path) if model.path else type(model.model).__qualname__
    return Variant(f"{name} {shown}" if tell else name, source, model.plugin.framework.title, how, engine)
