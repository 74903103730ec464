"""Broadcast hooks (`detect`, `conversion_finished`): called on all plugins by pluggy, with each exception kept per plugin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from modelport.errors import ModelportError
from modelport.plugins.plugin import Plugin
from modelport.spec import PROJECT, Hooks, hookimpl

if TYPE_CHECKING:
    from modelport.report import Report


@dataclass(frozen=True)
class Answer:
    """The result of one plugin in a broadcast, or its exception, translated as in a single call."""

    plugin: Plugin
    result: Any = None
    error: ModelportError | None = None


class Broadcast:
    """A pluggy manager of all loaded plugins."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)

    def add(self, plugin: Plugin) -> None:
        """Include a plugin in broadcasts."""
        self._manager.register(_Member(plugin), name=_name(plugin))

    def remove(self, plugin: Plugin) -> None:
        """Leave a plugin out of broadcasts."""
        self._manager.unregister(name=_name(plugin))

    def detect(self, source: Path) -> list[Answer]:
        """Ask who owns a path; the result of an answer is a list of one Detection, or of none."""
        answers: list[Answer] = self._manager.hook.detect(source=source)
        return answers

    def conversion_finished(self, report: Report) -> list[Answer]:
        """Tell everyone who listens of a finished conversion."""
        answers: list[Answer] = self._manager.hook.conversion_finished(report=report)
        return answers


class _Member:
    """A plugin among many: pluggy stops at the first exception, so that each is handed on as an answer."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    @hookimpl
    def detect(self, source: Path) -> Answer | None:
        return self._answer("detect", source=source)

    @hookimpl
    def conversion_finished(self, report: Report) -> Answer | None:
        return self._answer("conversion_finished", report=report)

    def _answer(self, hook: str, **arguments: Any) -> Answer | None:
        if not self._plugin.has(hook):
            return None
        try:
            return Answer(self._plugin, self._plugin.call(hook, **arguments))
        except ModelportError as error:
            return Answer(self._plugin, error=error)


def _name(plugin: Plugin) -> str:
    return f"{plugin.distribution}: {plugin.key}"
