"""Loading a plugin: its entry point's module imported, its hooks validated against the specification."""

from __future__ import annotations

import contextlib
import sys
from importlib.metadata import EntryPoint

from modelport.plugins import hook_results
from modelport.plugins.faults import interrupts, not_loadable
from modelport.plugins.plugin import Plugin
from modelport.spec import Framework


def import_module(entry: EntryPoint) -> object:
    """Import the module of an entry point, with what it prints on stderr; raises PluginNotLoadable."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return entry.load()
    except BaseException as error:
        if interrupts(error):
            raise
        raise not_loadable(entry.name, error, *distribution_of(entry)) from error


def framework_plugin(key: str, implementation: object, distribution: str, release: str) -> Plugin:
    """Return a framework's plugin under its key; raises PluginNotLoadable for one that breaks the specification."""
    try:
        return Plugin.of(implementation, _described(key, implementation), distribution, release)
    except BaseException as error:
        if interrupts(error):
            raise
        raise not_loadable(key, error, distribution, release) from error


def auxiliary_plugin(entry: EntryPoint) -> Plugin:
    """Return a listener or contributor of no framework, under the name of its module; raises PluginNotLoadable."""
    implementation, described = import_module(entry), _no_framework(entry.value)
    try:
        return Plugin.of(implementation, described, *distribution_of(entry))
    except Exception as error:
        raise not_loadable(entry.value, error, *distribution_of(entry)) from error


def distribution_of(entry: EntryPoint | None) -> tuple[str, str]:
    """Return the distribution and version that an entry point is from, from metadata alone."""
    distribution = entry.dist if entry else None
    return (distribution.name, distribution.version) if distribution else ("(registered in this process)", "")


def _described(key: str, implementation: object) -> Framework:
    if not hasattr(implementation, "framework"):  # it listens or contributes, and converts nothing
        return _no_framework(key)
    described = implementation.framework()
    if wrong := hook_results.framework_fault(described, key):
        raise TypeError(f"framework() must return a Framework with the key {key!r}, and returned {wrong}")
    return described  # type: ignore[no-any-return]


def _no_framework(key: str) -> Framework:
    return Framework(key, key, (), (), "")
