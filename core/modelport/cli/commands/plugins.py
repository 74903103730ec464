"""``modelport plugins``: what is installed, what it can do, and why something cannot."""

from __future__ import annotations

from typing import Any

import click

from modelport.cli.running import complete_framework


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("key", required=False, shell_complete=complete_framework)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def plugins(key: str | None, as_json: bool, debug: bool) -> None:
    """List the framework plugins; with KEY, its options with types, defaults and help."""
    from modelport.cli.output import print_json, print_options, print_plugins

    rows = [_describe_one(key)] if key else _describe_all()
    if as_json:
        print_json(rows[0] if key else rows)
    elif key:
        print_options(rows[0])
    else:
        print_plugins(rows)


def _describe_one(key: str) -> dict[str, Any]:
    from modelport.plugins import registry

    return _row(registry().get(key))


def _describe_all() -> list[dict[str, Any]]:
    from modelport.plugins import registry

    loaded = {plugin.key: _row(plugin) for plugin in registry().all()}
    rows = []
    for name in registry().keys:
        if name in loaded:
            rows.append(loaded[name])
            continue
        distribution, version = registry().describe(name)
        rows.append(
            {"key": name, "distribution": distribution, "version": version, "error": registry().broken[name].what}
        )
    return rows


def _row(plugin: Any) -> dict[str, Any]:
    framework = plugin.framework
    return {
        "key": plugin.key,
        "title": framework.title,
        "aliases": list(framework.aliases),
        "distribution": plugin.distribution,
        "version": plugin.version,
        "directions": list(plugin.directions),
        "suffixes": list(framework.suffixes),
        "installed": not plugin.missing,
        "missing": list(plugin.missing),
        "install": framework.install,
        "versions": plugin.versions(),
        "options": [
            {"name": o.name, "type": o.type, "default": o.default, "help": o.help, "choices": list(o.choices)}
            for o in framework.options
        ],
    }
