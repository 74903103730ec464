"""Plugin discovery: the registry of plugins, found by entry point, loaded by name.

Three tiers of laziness: `entry_points` reads metadata alone; `Registry.get` imports one plugin's module; a framework is imported
by a hook body. A plugin that fails to import is remembered with its error and harms no other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from modelport.errors import (
    AmbiguousSource,
    BadInput,
    FrameworkNotInstalled,
    ModelportError,
    PluginNotLoadable,
    UnknownFormat,
    UnknownFramework,
    UnsafeSource,
)
from modelport.loading.paths import check_readable
from modelport.plugins.broadcast import Answer, Broadcast
from modelport.plugins.faults import not_loadable
from modelport.plugins.loading import auxiliary_plugin, distribution_of, framework_plugin, import_module
from modelport.plugins.plugin import Plugin
from modelport.spec import CONTRIBUTORS, GROUP, LISTENERS, Detection

if TYPE_CHECKING:
    from modelport.report import Report


class Registry:
    """The plugins of this process."""

    def __init__(self) -> None:
        self._loaded: dict[str, Plugin] = {}
        self._auxiliary: dict[str, Plugin] = {}
        self._broken: dict[str, PluginNotLoadable] = {}
        self._broadcast = Broadcast()
        found = entry_points()
        self._entries: dict[str, EntryPoint] = {}
        for entry in found.select(group=GROUP):
            self._entries.setdefault(entry.name, entry)
        self._listeners = tuple(found.select(group=LISTENERS))
        self._contributors = tuple(found.select(group=CONTRIBUTORS))

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
        return distribution_of(self._entries.get(key))

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
        if key in self._loaded:
            raise not_loadable(key, ValueError("its key is taken by a plugin that is loaded"), *self.describe(key))
        loaded = framework_plugin(key, plugin, *self.describe(key))
        self._broadcast.add(loaded)
        self._loaded[key] = loaded
        return loaded

    def unregister(self, key: str) -> None:
        """Forget a plugin that was registered in this process."""
        self._broadcast.remove(self._loaded.pop(key))

    def detect(self, source: Path) -> tuple[Plugin, Detection]:
        """Ask every plugin who owns a source path.

        Raises:
            SourceNotFound, SourceUnreadable: for a missing path or an empty file.
            UnknownFormat, AmbiguousSource: when nobody claims it, or two do so equally.
        """
        check_readable(source)
        self.all()
        answers = sorted(self._broadcast.detect(source), key=lambda answer: answer.plugin.key)
        silent = _faults(answers)
        claims = [(answer.plugin, claim) for answer in answers for claim in answer.result or ()]
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
        """Let others add to the translation of `to`; return what went wrong.

        Asked are the contributors registered for `to`, and whichever other plugins are loaded and implement `contribute`.
        """
        failures = self._load_auxiliary(entry for entry in self._contributors if entry.name == to)
        for plugin in [*self._loaded.values(), *self._auxiliary.values()]:
            if plugin.key != to and plugin.has("contribute") and not plugin.missing:
                try:
                    plugin.call("contribute", to=to)
                except FrameworkNotInstalled:  # nothing that it contributes can be in a model
                    continue
                except ModelportError as error:
                    failures.append(f"the {plugin.key} plugin contributes nothing to {to}: {error.what}")
        return failures

    def announce(self, report: Report) -> list[str]:
        """Tell the listeners, and whichever other plugins listen and are loaded, of a conversion; return what went wrong."""
        failures = self._load_auxiliary(self._listeners)
        answers = self._broadcast.conversion_finished(report)
        return failures + [answer.error.what for answer in answers if answer.error]

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
            return self.register(key, import_module(self._entries[key]))
        except PluginNotLoadable as error:
            self._broken[key] = error
            raise

    def _load_auxiliary(self, entries: Iterable[EntryPoint]) -> list[str]:
        """Load listeners or contributors, each once; return why some cannot be loaded."""
        failures = []
        for entry in entries:
            try:
                # a framework's own plugin may stand in several groups
                key = next((key for key, other in self._entries.items() if other.value == entry.value), None)
                if key is not None:
                    self._load(key)
                elif entry.value not in self._auxiliary:
                    plugin = self._auxiliary[entry.value] = auxiliary_plugin(entry)
                    self._broadcast.add(plugin)
            except PluginNotLoadable as error:
                failures.append(error.what)
        return failures


@cache
def registry() -> Registry:
    """Return the registry of this process, reading entry points on first use."""
    return Registry()


def _faults(answers: Iterable[Answer]) -> list[ModelportError]:
    """Return the errors of plugins that failed to say whether a source is theirs; raises UnsafeSource where one refuses it."""
    errors = [answer.error for answer in answers if answer.error]
    for error in errors:
        if isinstance(error, UnsafeSource):
            raise error
    return [error for error in errors if not isinstance(error, BadInput | FrameworkNotInstalled)]
