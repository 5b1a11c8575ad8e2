"""The two models of a log: the network that scantrail trains, and counts with back-off.

Both predict an event's activity from the events before it, then each attribute given the activity;
the network also predicts each attribute without seeing the activity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from logs import Log
from safetensors.torch import load_file, save_file

from scantrail.detectors.lstm.network import Network
from scantrail.detectors.lstm.ngram import BackOff, Codes, preceding
from scantrail.detectors.lstm.sequences import Sequences
from scantrail.detectors.lstm.spec import CategoricalHead, Field, NetworkSpec
from scantrail.training import judge
from scantrail.training.fit import FitSettings, fit

Floats = npt.NDArray[np.float64]

_BACK = 3  # activities that the counts look back
_BATCH, _EPOCHS, _STEPS = 512, 20, 1500  # events a step; at least so many epochs, and steps
_VALID = 0.1  # of the traces, to stop by
_POWER = 8  # of the power mean over a trace's fields and events: nearly the maximum
_ATTRIBUTES = 0.5  # weight of attributes beside activities when repairs are weighed


@dataclass(frozen=True)
class Counts:
    """Activities by the three before them; attributes by activity and what was before."""

    tables: tuple[BackOff, ...]

    @classmethod
    def fit(cls, log: Log) -> Counts:
        """Count the whole log."""
        columns = _contexts(log.sequences.codes, log.sequences.offsets)
        return cls(
            tuple(
                BackOff.fit(symbols, contexts, size)
                for (symbols, contexts), size in zip(columns, log.sizes, strict=True)
            )
        )

    def surprise(self, log: Log) -> Floats:
        """log(chance of the likeliest value / of the actual one) per event and field, `[N, K]`."""
        columns = _contexts(log.sequences.codes, log.sequences.offsets)
        scores = [t.scores(*column) for t, column in zip(self.tables, columns, strict=True)]
        return np.stack(scores, axis=1)

    def log_likelihood(self, sequences: Sequences) -> Floats:
        """Of each event's activity and attributes, `[N, K]`."""
        columns = _contexts(sequences.codes, sequences.offsets)
        chances = [t.chances(*column)[0] for t, column in zip(self.tables, columns, strict=True)]
        logs: Floats = np.log(np.stack(chances, axis=1))
        return logs


def _contexts(
    codes: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]
) -> Iterator[tuple[Codes, Codes]]:
    """Symbols and contexts of every field."""
    activity = codes[:, 0].astype(np.int64)
    before = preceding(activity, offsets, _BACK)
    yield activity, before
    for column in range(1, codes.shape[1]):
        value = codes[:, column].astype(np.int64)
        last = preceding(value, offsets, 1)
        yield value, np.concatenate([activity[:, None], last, before[:, :1]], axis=1)


def network_of(log: Log, seed: int, cache: Path | None) -> Network:
    """Train a network on the whole log, less the traces to stop by, or take it from `cache`."""
    spec = _spec(log)
    path = cache / f"{log.name}-{seed}.safetensors" if cache else None
    if path and path.exists():
        network = Network(spec)
        network.load_state_dict(load_file(path))
        return network.eval()
    order = np.random.default_rng(seed).permutation(len(log.sequences))
    held = int(len(order) * _VALID)
    train = log.sequences.take(np.sort(order[held:]))
    valid = log.sequences.take(np.sort(order[:held]))
    epochs = max(_EPOCHS, math.ceil(_STEPS * _BATCH / log.sequences.events))
    settings = FitSettings(
        epochs=epochs, patience=max(4, epochs // 5), batch=_BATCH, seed=seed, device="cpu"
    )
    network = fit(spec, train, valid, settings).network
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(network.state_dict(), path)
    return network


def _spec(log: Log) -> NetworkSpec:
    names = ("activity", *log.attributes)
    fields = tuple(
        Field(name, size, min(24, int(4 + 2 * math.sqrt(size))))
        for name, size in zip(names, log.sizes, strict=True)
    )
    heads = [CategoricalHead("activity", "activity")]
    for name in log.attributes:
        heads += [CategoricalHead(f"{name} | activity", name, ("activity",))]
        heads += [CategoricalHead(name, name)]
    return NetworkSpec(fields, tuple(heads))


def network_surprise(network: Network, log: Log) -> Floats:
    """As `Counts.surprise`; the two heads of an attribute averaged."""
    scores = judge.scores(network, log.sequences).astype(np.float64)
    pairs = [scores[:, i : i + 2].mean(axis=1) for i in range(1, scores.shape[1], 2)]
    return np.stack([scores[:, 0], *pairs], axis=1)


def network_log_likelihood(network: Network, sequences: Sequences) -> Floats:
    """Of each event's activity and attributes, `[N, K]`; attributes weigh half.

    An attribute's chance is the mean of those by its two heads.
    """
    logs = -judge.losses(network, sequences).astype(np.float64)
    pairs = [
        np.logaddexp(logs[:, i], logs[:, i + 1]) - math.log(2) for i in range(1, logs.shape[1], 2)
    ]
    return np.stack([logs[:, 0], *(_ATTRIBUTES * pair for pair in pairs)], axis=1)


def trace_score(surprise: Floats, log: Log) -> Floats:
    """Power mean over the fields and events of a trace, less the division by their number."""
    event = (surprise.clip(0) ** _POWER).sum(axis=1)
    return np.add.reduceat(event, log.sequences.offsets[:-1]) ** (1 / _POWER)


def p_values(score: Floats) -> Floats:
    """Share of the traces that score at least as high."""
    return 1 - np.searchsorted(np.sort(score), score, side="left") / len(score)


def fused(*scores: Floats) -> Floats:
    """Sum of -log p over several scores of the same traces (Fisher 1925)."""
    return -np.sum([np.log(p_values(score)) for score in scores], axis=0)
