"""Finding plugins by entry point, loading one by name, and calling it.

Three tiers of laziness: `entry_points` reads metadata alone; `Registry.get` imports one plugin's module; a framework is imported
by a hook body. A plugin that fails to import is remembered with its error and harms no other.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any

import pluggy

from modelport import hook_results
from modelport.errors import (
    AmbiguousSource,
    BadInput,
    BrokenHook,
    CannotConvert,
    DirectionNotSupported,
    FrameworkNotInstalled,
    ModelportError,
    OutOfMemory,
    OutputNotWritable,
    PluginFailed,
    PluginNotLoadable,
    SourceUnreadable,
    UnknownFormat,
    UnknownFramework,
    UnsafeSource,
    out_of_memory,
)
from modelport.loading.paths import check_readable
from modelport.safety.memory import has_room_for
from modelport.spec import GROUP, PROJECT, Detection, Framework, Hooks

_NEED_NO_FRAMEWORK = frozenset({"framework", "detect", "conversion_finished"})
_TRANSLATED: Mapping[str, type[ModelportError]] = {
    "load": SourceUnreadable,
    "to_onnx": CannotConvert,
    "from_onnx": CannotConvert,
    "save": OutputNotWritable,
}


@cache
def version_of(distribution: str) -> str:
    """Return the installed version of a distribution, its metadata parsed once; raises PackageNotFoundError."""
    return version(distribution)


@dataclass(frozen=True)
class Plugin:
    """One loaded plugin: its framework's description and its hooks."""

    key: str
    framework: Framework
    distribution: str
    version: str
    _manager: pluggy.PluginManager

    def has(self, hook: str) -> bool:
        """Whether the plugin implements the hook."""
        return any(impl.plugin_name == self.key for impl in getattr(self._manager.hook, hook).get_hookimpls())

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions it converts in: "to_onnx", "from_onnx", both or neither."""
        return tuple(hook for hook in ("to_onnx", "from_onnx") if self.has(hook))

    @property
    def missing(self) -> tuple[str, ...]:
        """The required modules that are not installed (looked up, not imported)."""
        return tuple(name for name in self.framework.requires if not _installed(name))

    def versions(self) -> dict[str, str]:
        """Return the installed version of each of the framework's distributions."""
        found = {}
        for name in self.framework.distributions:
            with contextlib.suppress(PackageNotFoundError):
                found[name] = version_of(name)
        return found

    @property
    def title(self) -> str:
        """The framework with its version, for reports."""
        return " ".join([self.framework.title, *list(self.versions().values())[:1]])

    def require(self, hook: str) -> None:
        """Raise DirectionNotSupported when the plugin lacks the hook, FrameworkNotInstalled when the hook lacks its framework."""
        if not self.has(hook):
            can = " and ".join(d.replace("_", " ") for d in self.directions) or "no conversion"
            raise DirectionNotSupported(
                f"the {self.key} plugin cannot do {hook!r}; it can do {can}",
                remedy="`modelport plugins` lists what each framework can do",
            )
        if hook not in _NEED_NO_FRAMEWORK and self.missing:
            raise FrameworkNotInstalled(self.key, self.missing[0], self.framework.install)

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call one hook of this plugin alone, with exceptions translated as the specification says.

        What a framework prints goes to stderr: stdout belongs to the result.
        """
        self.require(hook)
        others = [plugin for name, plugin in self._manager.list_name_plugin() if name != self.key]
        caller = self._manager.subset_hook_caller(hook, others)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                result = caller(**arguments)
        except Exception as error:
            named = self._named(hook, error, arguments.get("source"))
            if named is error:
                raise
            raise named from error
        except BaseException as error:
            if _interrupts(error):
                raise
            raise self._broken(hook, f"tried to end the program with {error!r}") from error
        if wrong := hook_results.fault(hook, result, arguments):
            raise self._broken(hook, f"returned {wrong}; the specification asks for {hook_results.ASKED[hook]}")
        return result

    def is_stateless(self, model: Any, signature: Any, inputs: Mapping[str, Any], options: Any) -> bool:
        """Whether the plugin knows that the model keeps nothing between calls."""
        arguments = {"model": model, "signature": signature, "inputs": inputs, "options": options}
        return self.has("stateless") and bool(self.call("stateless", **arguments))

    def run_in_double(self, model: Any, signature: Any, inputs: Mapping[str, Any], options: Any) -> Mapping[str, Any]:
        """Run a model in float64 by its hook, else by giving it float64 inputs; any exception means that it cannot."""
        import numpy as np

        from modelport.proof.compare import is_float

        wide = {name: array.astype(np.float64) if is_float(array) else array for name, array in inputs.items()}
        hook = "run_in_float64" if self.has("run_in_float64") else "run"
        values: Mapping[str, Any] = self.call(hook, model=model, signature=signature, inputs=wide, options=options)
        return values

    def _broken(self, hook: str, what: str) -> BrokenHook:
        return BrokenHook(
            f"the {self.key} plugin is at fault, not modelport: its hook {hook!r} {what}",
            where=f"{self.distribution} {self.version}".strip(),
            remedy=f"report it to the authors of {self.distribution}; `modelport plugins` lists what is installed",
        )

    def _named(self, hook: str, error: Exception, source: Path | None) -> ModelportError:
        if out_of_memory(error) or (hook == "load" and source and not has_room_for(source)):
            return OutOfMemory(where=str(source) if source else None)
        if isinstance(error, ModelportError):
            return error
        if isinstance(error, ModuleNotFoundError):
            return self._module_not_found(hook, error)
        return self._translated(hook, error, source)

    def _module_not_found(self, hook: str, error: ModuleNotFoundError) -> ModelportError:
        root = (error.name or "").partition(".")[0]
        if root in self.framework.requires or not _installed(root):
            return FrameworkNotInstalled(self.key, root, self.framework.install)
        return self._translated(hook, error, None)

    def _translated(self, hook: str, error: Exception, source: Path | None) -> ModelportError:
        kind = _TRANSLATED.get(hook, PluginFailed)
        what = f"{self.framework.title} failed in {hook!r}: {type(error).__name__}: {_first_lines(error)}"
        remedies = {
            "load": "check that the file is complete and was written by this framework; --debug shows the traceback",
            "to_onnx": "--debug shows the exporter's own traceback",
            "from_onnx": "--debug shows the translator's own traceback",
        }
        remedy = remedies.get(hook, f"report it to the authors of {self.distribution}, with the output of --debug")
        return kind(what, where=str(source) if source else None, remedy=remedy)


class Registry:
    """The plugins of this process."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self._loaded: dict[str, Plugin] = {}
        self._broken: dict[str, PluginNotLoadable] = {}
        self._entries: dict[str, EntryPoint] = {}
        for entry in entry_points(group=GROUP):
            self._entries.setdefault(entry.name, entry)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every registered key, from metadata alone."""
        return tuple(sorted({*self._entries, *self._loaded}))

    @property
    def broken(self) -> Mapping[str, PluginNotLoadable]:
        """The plugins that failed to load so far, with their errors."""
        return dict(self._broken)

    def describe(self, key: str) -> tuple[str, str]:
        """Return the distribution and version that registered the key, from metadata alone."""
        distribution = self._entries[key].dist if key in self._entries else None
        return (distribution.name, distribution.version) if distribution else ("(registered in this process)", "")

    def get(self, name: str) -> Plugin:
        """Load the plugin with this key or alias.

        Raises:
            UnknownFramework: with the nearest known key.
            PluginNotLoadable: when its module fails to import.
        """
        if name in self._loaded or name in self._entries:
            return self._load(name)
        for plugin in self.all():
            if name.lower() in (plugin.key, *plugin.framework.aliases):
                return plugin
        aliases = [alias for plugin in self.all() for alias in plugin.framework.aliases]
        raise UnknownFramework(name, [*self.keys, *aliases])

    def all(self) -> list[Plugin]:
        """Load every plugin's module (never a framework); broken ones are left out and remembered in `broken`."""
        plugins = []
        for key in self.keys:
            with contextlib.suppress(PluginNotLoadable):
                plugins.append(self._load(key))
        return plugins

    def register(self, key: str, plugin: object) -> Plugin:
        """Register a plugin object under a key, in this process only; raises PluginNotLoadable."""
        try:
            self._manager.register(plugin, name=key)
            self._manager.check_pending()
            framework = self._describe(key, plugin)
        except BaseException as error:
            if _interrupts(error):
                raise
            if self._manager.has_plugin(key):
                self._manager.unregister(name=key)
            raise self._not_loadable(key, error) from error
        distribution, release = self.describe(key)
        loaded = self._loaded[key] = Plugin(key, framework, distribution, release, self._manager)
        return loaded

    def unregister(self, key: str) -> None:
        """Forget a plugin that was registered in this process."""
        self._loaded.pop(key)
        self._manager.unregister(name=key)

    def detect(self, source: Path) -> tuple[Plugin, Detection]:
        """Ask every plugin who owns a source path.

        Raises:
            SourceNotFound, SourceUnreadable: for a missing path or an empty file.
            UnknownFormat, AmbiguousSource: when nobody claims it, or two do so equally.
        """
        check_readable(source)
        silent: list[ModelportError] = []
        asked = [(plugin, _claim(plugin, source, silent)) for plugin in self.all() if plugin.has("detect")]
        claims = [(plugin, claim) for plugin, claim in asked if claim]
        if not claims:
            raise UnknownFormat(
                "no plugin recognises the source" + (" folder" if source.is_dir() else ""),
                where=str(source),
                remedy=f"name the framework with --from; known: {self._known(silent)}",
            )
        best = max(claim.confidence for _, claim in claims)
        first, *rest = [(plugin, claim) for plugin, claim in claims if claim.confidence == best]
        if rest:
            raise AmbiguousSource(str(source), [first[0].key, *(plugin.key for plugin, _ in rest)])
        return first

    def owner(self, model: object) -> Plugin:
        """Return the plugin that owns a module in the MRO of an object's class; raises UnknownFormat."""
        plugins = self.all()
        for cls in type(model).__mro__:
            root = cls.__module__.partition(".")[0]
            for plugin in plugins:
                if root in plugin.framework.modules:
                    return plugin
        raise UnknownFormat(
            f"no plugin owns objects of type {type(model).__module__}.{type(model).__qualname__}",
            remedy=f"pass from_=...; known: {self._known()}",
        )

    def _known(self, silent: Sequence[ModelportError] = ()) -> str:
        """List the frameworks, and the plugins that could not answer, as one of them might know what is asked for."""
        faults = [f"{error.what} ({error.remedy})" for error in (*self._broken.values(), *silent)]
        broken = f"; broken, and one of them might be what you need: {'; '.join(faults)}" if faults else ""
        return ", ".join(self.keys) + broken

    def contributions(self, to: str) -> list[str]:
        """Let every other plugin whose framework is installed add to the translation of `to`; return what went wrong."""
        failures = []
        for plugin in self.all():
            if plugin.key != to and plugin.has("contribute") and not plugin.missing:
                try:
                    plugin.call("contribute", to=to)
                except ModelportError as error:
                    failures.append(f"the {plugin.key} plugin contributes nothing to {to}: {error.what}")
        return failures

    def for_suffix(self, path: Path) -> Plugin:
        """Return the one plugin that writes files of this suffix (``--to`` from ``-o``); raises UnknownFormat."""
        plugins = [plugin for plugin in self.all() if path.suffix.lower() in plugin.framework.suffixes and path.suffix]
        writers = [plugin for plugin in plugins if plugin.has("save")] or plugins
        if len(writers) != 1:
            names = ", ".join(plugin.key for plugin in writers)
            raise UnknownFormat(
                f"the suffix of the target does not say its framework{f' ({names} all write it)' if names else ''}",
                where=str(path),
                remedy=f"name it with --to; known: {self._known()}",
            )
        return writers[0]

    def _load(self, key: str) -> Plugin:
        if key in self._loaded:
            return self._loaded[key]
        if key in self._broken:
            raise self._broken[key]
        try:
            with contextlib.redirect_stdout(sys.stderr):
                module = self._entries[key].load()
        except BaseException as error:
            if _interrupts(error):
                raise
            self._broken[key] = self._not_loadable(key, error)
            raise self._broken[key] from error
        try:
            return self.register(key, module)
        except PluginNotLoadable as error:
            self._broken[key] = error
            raise

    def _describe(self, key: str, plugin: object) -> Framework:
        if not hasattr(plugin, "framework"):  # a listener: it only hears of finished conversions
            return Framework(key, key, (), (), "")
        described = plugin.framework()
        if wrong := hook_results.framework_fault(described, key):
            raise TypeError(f"framework() must return a Framework with the key {key!r}, and returned {wrong}")
        return described  # type: ignore[no-any-return]

    def _not_loadable(self, key: str, error: BaseException) -> PluginNotLoadable:
        distribution, release = self.describe(key)
        where = f"{distribution} {release}".strip()
        return PluginNotLoadable(
            f"the plugin {key!r} cannot be loaded: {type(error).__name__}: {_first_lines(error)}",
            where=where,
            remedy=f"repair or remove it (pip uninstall {distribution}), or report it to its authors",
        )


@cache
def registry() -> Registry:
    """Return the registry of this process, reading entry points on first use."""
    return Registry()


def _claim(plugin: Plugin, source: Path, silent: list[ModelportError]) -> Detection | None:
    """Ask one plugin; one that fails in `detect` makes no claim, so that it harms no other, and is noted in `silent`."""
    try:
        claim: Detection | None = next(iter(plugin.call("detect", source=source)), None)
    except (BadInput, FrameworkNotInstalled):
        return None
    except UnsafeSource:
        raise
    except ModelportError as error:
        silent.append(error)
        return None
    return claim


def _interrupts(error: BaseException) -> bool:
    """Whether the user or the system ends the program (Ctrl-C, SIGTERM), which no plugin's fault may hide."""
    return isinstance(error, KeyboardInterrupt) or (not isinstance(error, Exception) and hasattr(error, "exit_status"))


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return module in sys.modules


def _first_lines(error: BaseException, limit: int = 3) -> str:
    from click import unstyle  # here, as it costs at every start what few errors need

    lines: Iterator[str] = (line for line in unstyle(str(error)).splitlines() if line.strip())
    text = " / ".join(line.strip() for _, line in zip(range(limit), lines, strict=False))
    return text if len(text) <= 600 else text[:600] + " …"
