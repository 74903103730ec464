"""Plugins: found by entry point, loaded one by name, called with their options, results and exceptions checked."""

from modelport.plugins.discovery import Registry, registry
from modelport.plugins.plugin import Plugin, version_of

__all__ = ["Plugin", "Registry", "registry", "version_of"]
