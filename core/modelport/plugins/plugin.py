"""A loaded plugin: its framework's metadata, and hook calls with validated results and translated exceptions."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pluggy

from modelport.errors import BrokenHook, DirectionNotSupported, FrameworkNotInstalled
from modelport.plugins import hook_results
from modelport.plugins.faults import installed, interrupts, translated
from modelport.spec import PROJECT, Framework, Hooks

_NEED_NO_FRAMEWORK = frozenset({"framework", "detect", "conversion_finished"})


@cache
def version_of(distribution: str) -> str:
    """Return the installed version of a distribution, its metadata parsed once; raises PackageNotFoundError."""
    return version(distribution)


@dataclass(frozen=True)
class Plugin:
    """A loaded plugin: its framework's metadata and its hooks."""

    key: str
    framework: Framework
    distribution: str
    version: str
    _hooks: pluggy.HookRelay

    @classmethod
    def of(cls, implementation: object, framework: Framework, distribution: str, version: str) -> Plugin:
        """Create a plugin from a module or object; its hooks are validated against the specification.

        Raises:
            pluggy.PluginValidationError: for hooks and arguments that the specification lacks.
        """
        manager = pluggy.PluginManager(PROJECT)  # its own, so that its hooks call nobody else
        manager.add_hookspecs(Hooks)
        manager.register(implementation, name=framework.key)
        manager.check_pending()
        return cls(framework.key, framework, distribution, version, manager.hook)

    def has(self, hook: str) -> bool:
        """Whether the plugin implements the hook."""
        return bool(getattr(self._hooks, hook).get_hookimpls())

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions it converts in: "to_onnx", "from_onnx", both or neither."""
        return tuple(hook for hook in ("to_onnx", "from_onnx") if self.has(hook))

    @property
    def missing(self) -> tuple[str, ...]:
        """The required modules that are not installed (looked up, not imported)."""
        return tuple(name for name in self.framework.requires if not installed(name))

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
        try:
            with contextlib.redirect_stdout(sys.stderr):
                result = getattr(self._hooks, hook)(**arguments)
        except Exception as error:
            named = translated(error, hook, self.framework, self.distribution, arguments.get("source"))
            if named is error:
                raise
            raise named from error
        except BaseException as error:
            if interrupts(error):
                raise
            raise self._broken(hook, f"tried to end the program with {error!r}") from error
        if wrong := hook_results.fault(hook, result, arguments):
            raise self._broken(hook, f"returned {wrong}; the specification asks for {hook_results.ASKED[hook]}")
        return result

    def _broken(self, hook: str, what: str) -> BrokenHook:
        return BrokenHook(
            f"the {self.key} plugin is at fault, not modelport: its hook {hook!r} {what}",
            where=f"{self.distribution} {self.version}".strip(),
            remedy=f"report it to the authors of {self.distribution}; `modelport plugins` lists what is installed",
        )
