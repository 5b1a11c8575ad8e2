"""What Prometheus finds of trials."""

import math
from types import SimpleNamespace

import polars as pl
import pytest

from scantrail.serve.observing_trials import trial_metrics
from scantrail.trialing import Reading, Shadowed
from scantrail.trials.reading import Agreement, read_items

LABELS = ("mode", "arm", "of")


def running(mode, number=1):
    return SimpleNamespace(mode=mode, trial=number)


def told(moved, reading):
    """Values by name, and by what the sample is labelled with."""
    return {
        (sample.name.removeprefix("scantrail_trial_"), *sample.labels.values()): sample.value
        for family in trial_metrics(moved, reading)
        for sample in family.samples
    }


def split(champion, challenger):
    """What a trial with effect taught: arms as (items, of which alerted)."""
    frame = pl.DataFrame(
        [(f"{arm}{n}", bool(arm), n < alerted, 3)
         for arm, (items, alerted) in enumerate((champion, challenger)) for n in range(items)],
        {"epc_code": pl.String, "challenger": pl.Boolean, "alerted": pl.Boolean, "scans": pl.Int64},
        orient="row",
    )  # fmt: skip
    said = pl.DataFrame(schema={"epc_code": pl.String, "confirmed": pl.Boolean})
    return Reading(SimpleNamespace(number=1), told=read_items(frame, said, 0.5))


def shadow(agreement, more, scored=80, stored=100):
    seen = Shadowed(Agreement(*agreement, 0.5), more, scored, stored, {})
    return Reading(SimpleNamespace(number=1), shadowed=seen)


@pytest.mark.parametrize(
    ("moved", "reading"),
    [
        (None, None),
        (running("ab"), None),
        (running("ab", 2), split((10, 1), (10, 1))),  # of the trial before
        (running("shadow"), shadow((0, 0, 0, 0), (0.0, 1.0), 0, 0)),
        (running("ab"), split((0, 0), (0, 0))),
    ],
)
def test_what_is_not_known_is_no_number_and_no_difference(moved, reading):
    seen = told(moved, reading)
    assert {kind: seen["running", kind] for kind in ("shadow", "ab", "canary")} == {
        kind: float(moved is not None and moved.mode == kind) for kind in ("shadow", "ab", "canary")
    }
    for name in (("agreement",), ("judged",), ("alert_rate", "champion"),
                 ("alert_rate", "challenger")):  # fmt: skip
        assert math.isnan(seen[name])
    assert (seen["difference", "alerts"], seen["difference", "precision"]) == (0, 0)


def test_arms_of_a_trial_with_effect():
    seen = told(running("ab"), split((500, 10), (500, 100)))
    assert (seen["alert_rate", "champion"], seen["alert_rate", "challenger"]) == (0.02, 0.2)
    assert seen["judged",] == 0.5
    assert math.isnan(seen["agreement",])
    assert (seen["difference", "alerts"], seen["difference", "precision"]) == (1, 0)
    assert told(running("ab"), split((500, 100), (500, 10)))["difference", "alerts"] == -1
    assert told(running("ab"), split((500, 10), (500, 12)))["difference", "alerts"] == 0


def test_versions_of_a_shadow():
    seen = told(running("shadow"), shadow((5, 3, 12, 80), (0.6, 0.9)))
    assert (seen["alert_rate", "champion"], seen["alert_rate", "challenger"]) == (0.08, 0.17)
    assert (seen["agreement",], seen["judged",]) == (0.85, 0.8)
    assert seen["difference", "alerts"] == 1
    fewer = told(running("shadow"), shadow((5, 12, 3, 80), (0.1, 0.4)))
    assert fewer["difference", "alerts"] == -1
    assert told(running("shadow"), shadow((5, 3, 12, 80), (0.4, 0.9)))["difference", "alerts"] == 0
