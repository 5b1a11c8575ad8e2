"""When a promotion is surely worse than what judged before it."""

import numpy as np

from scantrail.trials.sequential import Tally
from scantrail.trials.worse import AftercareSettings, Period, worse

SETTINGS = AftercareSettings()
NONE = Tally(0, 0)


def test_more_alerts_and_less_precision_are_told():
    before = Period(Tally(20, 1980), Tally(80, 20))
    assert worse(before, Period(Tally(100, 900), NONE), SETTINGS) == (
        "learned detectors alert on 10.0% of lots an hour, before on 1.0%"
    )
    assert worse(before, Period(Tally(10, 990), Tally(20, 80)), SETTINGS) == (
        "20% of the alerts are confirmed, before 80%"
    )


def test_what_is_as_before_or_little_known_is_not_worse():
    before = Period(Tally(20, 1980), Tally(80, 20))
    assert worse(before, Period(Tally(15, 985), Tally(70, 30)), SETTINGS) is None
    assert worse(before, Period(Tally(2, 1), NONE), SETTINGS) is None
    assert worse(before, Period(NONE, NONE), SETTINGS) is None
    assert worse(Period(NONE, NONE), Period(Tally(99, 1), Tally(0, 9)), SETTINGS) is None


def test_looking_often_gives_no_false_alarm():
    """Alike before and after, a look after every hundred lots: no promotion is taken back."""
    alarms = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        hits = rng.random(4000) < 0.02
        before = Period(Tally(int(hits[:2000].sum()), 2000 - int(hits[:2000].sum())), NONE)
        looks = range(2100, 4001, 100)
        after = [hits[2000:end] for end in looks]
        told = [
            worse(before, Period(Tally(int(a.sum()), int((~a).sum())), NONE), SETTINGS)
            for a in after
        ]
        alarms += any(told)
    assert alarms == 0
