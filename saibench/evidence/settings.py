"""What tells the points of a study apart, read from their frozen configs and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saibench.evidence.points import Record
from saibench.identity import IDENTITY, canonical

Settings = Mapping[str, Any]

_NAMES = ("._target_", ".name")
DATA_HASH = "data_hash"
"""What tells runs on other data apart where all else is the same."""
_KEYS = {DATA_HASH: f"{IDENTITY}.data", "code.": f"{IDENTITY}.source."}
"""What data and code of the user's own are called in tables and sentences, and in a config."""


def differing_settings(
    settings: Mapping[str, Settings], configs: Mapping[str, Settings], needed: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """By point: its recorded settings, `needed`, and all else in which the study's configs differ.

    A record names the settings that a workload usually varies. A study may vary any other, and
    two models must not be taken for two seeds of one. Of settings that always change together,
    such as those of a net, the first stands for all; a recorded class or name stands for what
    follows from it, but a recorded number does not: a figure that lays out `subset.count` must
    still see that the larger sets were trained for longer. Copies of a recorded setting are left
    out.

    Args:
        settings: `run.json`'s settings, by point.
        configs: the frozen resolved config, by point; points without one are left as they are.
        needed: what readers of evidence need to know of every point.
    """
    leaves = {point: _leaves(canonical(dict(config))) for point, config in configs.items()}
    names = dict.fromkeys(name for config in leaves.values() for name in config)
    recorded = {
        name: {point: settings[point].get(name) for point in leaves}
        for name in dict.fromkeys(name for point in settings.values() for name in point)
    }
    copies = {_column(values) for values in recorded.values()}
    found = {point: dict(of_point) for point, of_point in settings.items()}
    for point, config in leaves.items():
        for name in (name for name in needed if name in config):
            found[point].setdefault(name, config[name])
    naming = [_pattern(values) for name, values in recorded.items() if name.endswith(_NAMES)]
    of_data = [_pattern(values) for name, values in recorded.items() if name.startswith("data.")]
    patterns: set[tuple[int, ...]] = set()
    for name in names:
        values = {point: config.get(name) for point, config in leaves.items()}
        column, pattern = _column(values), _pattern(values)
        if len(set(pattern)) < 2 or column in copies or pattern in patterns:
            continue
        if any(_follows(pattern, named) for named in naming):
            continue
        if name.startswith(f"{IDENTITY}.") and any(_follows(pattern, data) for data in of_data):
            continue
        patterns.add(pattern)
        if name.startswith("data."):
            of_data.append(pattern)
        for point, value in values.items():
            found[point].setdefault(name, value)
    return found


def in_words(records: Mapping[str, Record]) -> dict[str, Record]:
    """The records, with settings that a reader knows for what a config says of data and code.

    Data have the hash that records and pages give. Where files that differ hold the same data,
    all have the hash of their files: else their runs would be taken for seeds of one.
    """
    settings = {
        point: {_word(key): value for key, value in record["settings"].items()}
        for point, record in records.items()
    }
    of_files = {point: one[DATA_HASH] for point, one in settings.items() if one.get(DATA_HASH)}
    hashes = {
        str(of_files[point]): known for point in of_files if (known := data_hash(records[point]))
    }
    if len(set(hashes.values())) == len(hashes):
        for point, key in of_files.items():
            settings[point][DATA_HASH] = hashes.get(str(key), key)
    return {point: {**record, "settings": settings[point]} for point, record in records.items()}


def all_settings(record: Record, config: Settings | None) -> dict[str, Any]:
    """All that is known of a run's settings, also those that its study does not vary."""
    leaves = {} if config is None else _leaves(canonical(dict(config)))
    found = {_word(key): value for key, value in leaves.items()}
    if known := data_hash(record):
        found[DATA_HASH] = known
    return {**found, **record["settings"]}


def data_hash(record: Record) -> str | None:
    """The first 12 digits of the hash of a run's data, as pages show it."""
    return str((record.get("data") or {}).get("hash") or "")[:12] or None


def config_key(setting: str) -> str:
    """The key that a setting has in a config: `identity.data` of `data_hash`."""
    for word, key in _KEYS.items():
        if setting.startswith(word):
            return key + setting.removeprefix(word)
    return setting


def _word(key: str) -> str:
    for word, of_config in _KEYS.items():
        if key.startswith(of_config):
            return word + key.removeprefix(of_config)
    return key


def _follows(pattern: tuple[int, ...], names: tuple[int, ...]) -> bool:
    """Whether points that are named alike have equal values."""
    return len(set(zip(names, pattern, strict=True))) == len(set(names))


def _leaves(node: Any, path: str = "") -> dict[str, Any]:
    """Dotted names and values of a nested config; a list is one value."""
    if not isinstance(node, Mapping):
        return {path: node}
    return {
        name: value
        for key, child in node.items()
        for name, value in _leaves(child, f"{path}.{key}" if path else str(key)).items()
    }


def _column(values: Settings) -> tuple[str, ...]:
    """The values of all points, comparable: whole numbers equal their floats."""
    return tuple(repr(float(value) if type(value) is int else value) for value in values.values())


def _pattern(values: Settings) -> tuple[int, ...]:
    """Which points have equal values: each is numbered by where its value first occurs."""
    column = _column(values)
    return tuple(column.index(value) for value in column)
