"""The settings in which the points of a study differ, from their frozen configs and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saibench.evidence.points import Record
from saibench.identity import IDENTITY, TRAINED, canonical

Settings = Mapping[str, Any]

_NAMES = ("._target_", ".name")
DATA_HASH = "data_hash"
"""Setting in which runs on different data differ."""
_KEYS = {DATA_HASH: f"{IDENTITY}.data", "code.": f"{IDENTITY}.source."}
"""Key of the user's data and code in tables → key in a config."""


def differing_settings(
    settings: Mapping[str, Settings], configs: Mapping[str, Settings], needed: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """By point: the recorded settings, `needed`, and the other settings that differ in the study.

    A record has the settings that a workload usually varies. A study may vary others, so that two
    models would be mistaken for two seeds of one. Of settings that always change together, such as
    those of a net, only the first is added. A setting that follows from a recorded class or name is
    not added; one that follows from a recorded number is: a figure over `subset.count` must show
    that the larger sets were trained for longer. Copies of a recorded setting are not added.

    Args:
        settings: of `run.json`, by point.
        configs: the frozen resolved config, by point; other points keep their settings.
        needed: settings that are added in any case.
    """
    leaves = {point: _configured(config) for point, config in configs.items()}
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


def with_short_keys(records: Mapping[str, Record]) -> dict[str, Record]:
    """The records, with settings under the keys and with the data hashes that pages display.

    If different files hold the same data, the hashes of the files are kept: else their runs would
    be mistaken for seeds of one.
    """
    settings = {
        point: {_short_key(key): value for key, value in record["settings"].items()}
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
    """All known settings of a run, including those that its study does not vary."""
    leaves = {} if config is None else _configured(config)
    found = {_short_key(key): value for key, value in leaves.items()}
    if known := data_hash(record):
        found[DATA_HASH] = known
    return {**found, **record["settings"]}


def data_hash(record: Record) -> str | None:
    """The first 12 digits of the hash of a run's data, as displayed on pages."""
    return str((record.get("data") or {}).get("hash") or "")[:12] or None


def config_key(setting: str) -> str:
    """The key of a setting in a config: `identity.data` for `data_hash`."""
    return _replaced_prefix(setting, _KEYS)


def _short_key(key: str) -> str:
    return _replaced_prefix(key, {of_config: short for short, of_config in _KEYS.items()})


def _replaced_prefix(key: str, prefixes: Mapping[str, str]) -> str:
    for before, after in prefixes.items():
        if key.startswith(before):
            return after + key.removeprefix(before)
    return key


def _follows(pattern: tuple[int, ...], names: tuple[int, ...]) -> bool:
    """Whether points with equal names have equal values."""
    return len(set(zip(names, pattern, strict=True))) == len(set(names))


def _configured(config: Settings) -> dict[str, Any]:
    """Dotted names and values of a config, without those of a training on other data.

    That training has the same settings, and its weights follow from them.
    """
    return _leaves({key: one for key, one in canonical(dict(config)).items() if key != TRAINED})


def _leaves(node: Any, path: str = "") -> dict[str, Any]:
    """Dotted names and values of a nested config; a list counts as one value."""
    if not isinstance(node, Mapping):
        return {path: node}
    return {
        name: value
        for key, child in node.items()
        for name, value in _leaves(child, f"{path}.{key}" if path else str(key)).items()
    }


def _column(values: Settings) -> tuple[str, ...]:
    """The values of all points in comparable form: 1 equals 1.0."""
    return tuple(repr(float(value) if type(value) is int else value) for value in values.values())


def _pattern(values: Settings) -> tuple[int, ...]:
    """For each point, the position of the first point with an equal value."""
    first: dict[str, int] = {}
    return tuple(first.setdefault(value, at) for at, value in enumerate(_column(values)))
