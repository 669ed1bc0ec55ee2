"""Directives that write the reference of the config and of the commands from the code itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from functools import partial
from typing import Any

from config_tables import CONF, Key, keys_of, model_keys, options, preamble
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from saibench.commands import commands
from saibench.settings import WorkloadSettings

WIDTH = 84
"""Characters of a line of usage."""


class ConfigGroup(SphinxDirective):
    """Every key of the files of a config group: `{config-group} data`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        found = []
        for file in options(self.arguments[0]):
            self.env.note_dependency(str(file))
            text, usage = preamble(file)
            name = file.relative_to(CONF.parent)
            found += [f"## `{name}`", _plain(text), _code(usage), _table(keys_of(file))]
        return self.parse_text_to_nodes("\n\n".join(found), allow_section_headings=True)


class WorkloadCard(SphinxDirective):
    """Every key that a workload's card may have below `workload`."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(_table(model_keys(WorkloadSettings, "workload")))


class Commands(SphinxDirective):
    """Every subcommand of `python -m saibench`, as its parser says it."""

    def run(self) -> list[nodes.Node]:
        parser = argparse.ArgumentParser(prog="python -m saibench")
        subparsers = parser.add_subparsers()
        for command in commands():
            command.add_parser(subparsers)
        found = [_command(name, one) for name, one in subparsers.choices.items()]
        return self.parse_text_to_nodes("\n\n".join(found), allow_section_headings=True)


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("config-group", ConfigGroup)
    app.add_directive("workload-card", WorkloadCard)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}


def _table(keys: Iterable[Key]) -> str:
    rows = [
        f"| `{key.path}` | {_cell(key.type)} | {_cell(key.unit)} | {_default(key.default)} "
        f"| {_cell(key.meaning)} |"
        for key in keys
    ]
    head = ["| key | type | unit | default | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) if rows else "It has no keys."


def _default(text: str) -> str:
    return _cell(f"`{text}`") if text else ""


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text in which `<molecule>` is no tag; code is left as it is."""
    parts = text.split("`")
    return "`".join(
        part if number % 2 else part.replace("<", "\\<") for number, part in enumerate(parts)
    )


def _code(lines: list[str]) -> str:
    return "\n".join(["```bash", *lines, "```"]) if lines else ""


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    """A section: what the command does, how it is called, and its options."""
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    parts = [f"## `{name}`", _plain(parser.description or ""), _code(_usage(parser))]
    if groups:
        parts += [_arguments(one, f"{name} {of}") for of, one in groups[0].choices.items()]
    else:
        parts.append(_arguments(parser, ""))
    return "\n\n".join(parts)


def _usage(parser: argparse.ArgumentParser) -> list[str]:
    parser.formatter_class = partial(argparse.HelpFormatter, width=WIDTH)
    return parser.format_usage().removeprefix("usage: ").splitlines()


def _arguments(parser: argparse.ArgumentParser, heading: str) -> str:
    actions = [one for one in parser._actions if not isinstance(one, argparse._HelpAction)]
    rows = [f"| {_spelled(one)} | {_cell(one.help or '')} |" for one in actions]
    table = "\n".join(["| argument | meaning |", "|---|---|", *rows]) if rows else ""
    return f"`{heading}`\n\n{table}" if heading else table


def _spelled(action: argparse.Action) -> str:
    return f"`{' '.join([', '.join(action.option_strings) or str(action.dest), _value(action)])}`"


def _value(action: argparse.Action) -> str:
    takes = action.option_strings and action.nargs != 0
    return str(action.metavar or action.dest.upper()) if takes else ""
