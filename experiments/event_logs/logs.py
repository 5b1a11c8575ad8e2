"""Event logs with injected anomalies: a trace is a journey, an activity an event type.

Only the activity's name and categorical attributes are read. Times are not: inserted events have
none and moved ones keep the old, so that any feature of time would give the answer away. Neither
are identifiers, nor attributes that some events lack.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scantrail.detectors.lstm.sequences import Sequences

_SAME_AS_NAME = {"concept:name", "lifecycle:transition"}
_IDENTIFYING = 0.2  # of all events; an attribute with more distinct values names cases or times
_END = "(end)"


@dataclass(frozen=True)
class Log:
    """Codes per event, an end event after each trace, and the kind of anomaly per trace.

    `sequences.codes`: `[N, K]`, activity first, 1 and above. `sizes`: codes per column, 0 included.
    `kinds`: `[S]`, "normal" or the kind.
    """

    name: str
    attributes: tuple[str, ...]
    sequences: Sequences
    sizes: tuple[int, ...]
    kinds: npt.NDArray[np.str_]

    @property
    def suspect(self) -> npt.NDArray[np.bool_]:
        """Which traces had an anomaly injected."""
        return self.kinds != "normal"


def read(path: Path) -> Log:
    """Read one `NAME-RATIO.json.gz`."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        cases = [case for case in json.load(file)["cases"] if case["events"]]
    events = [event for case in cases for event in case["events"]]
    attributes = _attributes([event["attributes"] for event in events])
    lengths = np.array([len(case["events"]) + 1 for case in cases])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    columns = [_codes([event["name"] for event in events], lengths)]
    columns += [
        _codes([str(event["attributes"][name]) for event in events], lengths) for name in attributes
    ]
    codes = np.stack([column for column, _ in columns], axis=1).astype(np.int32)
    none = np.zeros((len(codes), 0), dtype=np.float32)
    return Log(
        path.name.removesuffix(".json.gz"),
        attributes,
        Sequences(codes, none, none, offsets),
        tuple(size for _, size in columns),
        np.array([_kind(case["attributes"]["label"]) for case in cases]),
    )


def _kind(label: str | dict[str, str]) -> str:
    return label if isinstance(label, str) else label["anomaly"]


def _attributes(events: list[dict[str, object]]) -> tuple[str, ...]:
    """Attributes that every event has, of few enough values to be no identifiers."""
    names = sorted(set.intersection(*(set(event) for event in events)) - _SAME_AS_NAME)
    most = _IDENTIFYING * len(events)
    distinct = {name: len({str(event[name]) for event in events}) for name in names}
    return tuple(name for name in names if 1 < distinct[name] <= most)


def _codes(values: list[str], lengths: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
    """Codes from 1, with an end event after each trace, and how many codes there are."""
    ends = np.cumsum(lengths[:-1] - 1)
    with_ends = np.insert(np.array([*values], dtype=object), np.append(ends, len(values)), _END)
    names, codes = np.unique(with_ends.astype(str), return_inverse=True)
    return codes + 1, len(names) + 1
