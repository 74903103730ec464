"""The registry of plugins: found by entry point, loaded one by name.

Three tiers of laziness: `entry_points` reads metadata alone; `Registry.get` imports one plugin's module; a framework is imported
by a hook body. A plugin that fails to import is remembered with its error and harms no other.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pluggy

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
from modelport.plugins import hook_results
from modelport.plugins.faults import interrupts, not_loadable
from modelport.plugins.plugin import Plugin
from modelport.spec import GROUP, PROJECT, Detection, Framework, Hooks


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
            if interrupts(error):
                raise
            if self._manager.has_plugin(key):
                self._manager.unregister(name=key)
            raise not_loadable(key, error, *self.describe(key)) from error
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
            if interrupts(error):
                raise
            self._broken[key] = not_loadable(key, error, *self.describe(key))
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
