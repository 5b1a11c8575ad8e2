"""What Prometheus finds of the trial that runs, as it was last read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from scantrail.stores.trials import Moved
from scantrail.trialing import Reading, Shadowed
from scantrail.trials.plan import MODES
from scantrail.trials.reading import Trial
from scantrail.trials.sequential import Reading as Difference

_ARMS: Final = ("champion", "challenger")
_EVEN: Final = 0.5


def trial_metrics(running: Moved | None, reading: Reading | None) -> Iterator[Metric]:
    """Gauges of a trial.

    Args:
        running: The trial that runs, if one does.
        reading: What it had taught when it was last read; None: not read yet. Shares of what is
            not known are NaN.
    """
    runs = GaugeMetricFamily(
        "scantrail_trial_running", "Whether a challenger is tried so.", labels=["mode"]
    )
    for mode in MODES:
        runs.add_metric([mode], float(running is not None and running.mode == mode))
    yield runs
    if running is None or reading is None or reading.trial.number != running.trial:
        reading = None
    shadowed, told = (reading.shadowed, reading.told) if reading else (None, None)
    agreed = shadowed.agreement.agreed if shadowed else math.nan
    yield GaugeMetricFamily(
        "scantrail_trial_agreement", "Share of items of which both versions say the same.", agreed
    )
    yield GaugeMetricFamily(
        "scantrail_trial_judged",
        "In the shadow: share of scans that the challenger judged; else its share of the items.",
        _judged(shadowed, told),
    )
    rates = GaugeMetricFamily(
        "scantrail_trial_alert_rate", "Share of items alerted on.", labels=["arm"]
    )
    for arm, rate in zip(_ARMS, _rates(shadowed, told), strict=True):
        rates.add_metric([arm], rate)
    yield rates
    differs = GaugeMetricFamily(
        "scantrail_trial_difference",
        "1: the challenger surely alerts more often, or is confirmed more often; -1: less; 0: "
        "nothing can be said.",
        labels=["of"],
    )
    alerts, precision = _differences(shadowed, told)
    differs.add_metric(["alerts"], alerts)
    differs.add_metric(["precision"], precision)
    yield differs


def _judged(shadowed: Shadowed | None, told: Trial | None) -> float:
    if shadowed is not None:
        return shadowed.scored / shadowed.stored if shadowed.stored else math.nan
    return told.split.effective if told is not None else math.nan


def _rates(shadowed: Shadowed | None, told: Trial | None) -> tuple[float, float]:
    """The champion's, the challenger's."""
    if shadowed is not None:
        seen = shadowed.agreement
        items = sum(seen[:4])
        both = seen.both + seen.champion, seen.both + seen.challenger
        return (both[0] / items, both[1] / items) if items else (math.nan, math.nan)
    if told is not None:
        rates = [arm.alerts / arm.items if arm.items else math.nan
                 for arm in (told.champion, told.challenger)]  # fmt: skip
        return rates[0], rates[1]
    return math.nan, math.nan


def _differences(shadowed: Shadowed | None, told: Trial | None) -> tuple[float, float]:
    """Of alerts, of how often they are confirmed."""
    if shadowed is not None:
        low, high = shadowed.more
        return float(low > _EVEN) - float(high < _EVEN), 0.0
    return (_sign(told.alerts), _sign(told.precision)) if told is not None else (0.0, 0.0)


def _sign(difference: Difference) -> float:
    return float(difference.low > 0) - float(difference.high < 0)
