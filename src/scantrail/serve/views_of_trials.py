"""Trials as callers, and the command line, read them."""

from __future__ import annotations

import math
from typing import Any

from scantrail.stores.trials import Trial
from scantrail.trialing import Reading, Shadowed
from scantrail.trials.reading import Arm
from scantrail.trials.reading import Trial as Told
from scantrail.trials.sequential import Reading as Difference
from scantrail.vocabulary.times import utc

Json = dict[str, Any]
_DIGITS = 6


def trial_view(trial: Trial) -> Json:
    """A trial."""
    return {
        "id": trial.number,
        "state": trial.state,
        "mode": trial.start.mode,
        "champion": trial.start.champion,
        "challenger": trial.start.challenger,
        "share": trial.last.share,
        "moves": [
            {"at": utc(move.at), "action": move.action, "actor": move.actor, "share": move.share,
             "reason": move.reason}
            for move in trial.moves
        ],
    }  # fmt: skip


def reading_view(reading: Reading, todo: str | None) -> Json:
    """A trial with what it has taught."""
    told = trial_view(reading.trial) | {"outcome": None, "todo": todo}
    if reading.shadowed is not None:
        return told | _shadowed(reading.shadowed)
    assert reading.told is not None
    return told | _told(reading.told, reading.crossed)


def _told(told: Told, crossed: int) -> Json:
    split = told.split
    return {
        "outcome": told.outcome.value,
        "split": {
            "meant": split.share, "effective": number(split.effective), "items": split.items,
            "challenger": split.challenger, "p": number(split.p), "crossed": crossed,
        },
        "arms": {"champion": _arm(told.champion), "challenger": _arm(told.challenger)},
        "alerts": _difference(told.alerts),
        "precision": _difference(told.precision),
    }  # fmt: skip


def _arm(arm: Arm) -> Json:
    return {
        "scans": arm.scans, "items": arm.items, "alerts": arm.alerts,
        "per10k": number(arm.per_10k), "confirmed": arm.feedback.yes, "dismissed": arm.feedback.no,
    }  # fmt: skip


def _difference(told: Difference) -> Json:
    return {name: number(value) for name, value in told._asdict().items()}


def _shadowed(told: Shadowed) -> Json:
    same = told.agreement
    return {
        "agreement": {
            "both": same.both, "champion": same.champion, "challenger": same.challenger,
            "neither": same.neither, "agreed": number(same.agreed), "kappa": number(same.kappa),
            "more": [number(end) for end in told.more],
        },
        "scored": number(told.scored / told.stored) if told.stored else None,
        "said": {name: {"confirmed": tally.yes, "dismissed": tally.no}
                 for name, tally in told.said.items()},
    }  # fmt: skip


def number(value: float) -> float | None:
    """A number that JSON knows: None for NaN."""
    return None if math.isnan(value) else round(value, _DIGITS)
