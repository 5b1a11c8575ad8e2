"""Is a version worse in use than what judged before it? Sure of it, however often one looks."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from scantrail.trials.sequential import Tally, compare

_Number = Annotated[float, msgspec.Meta(ge=0)]


class AftercareSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a promotion is taken back by itself."""

    rollback: bool = True  #: whether it is; else nobody looks
    hours: _Number = 72.0  #: after a promotion in which it may be
    before_hours: _Number = 168.0  #: before it that are compared with
    #: how many more alerts are too many, as a share of those before: 1 is twice as many
    more_alerts: _Number = 1.0
    less_precision: _Number = 0.1  #: how much less often alerts may be confirmed
    level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.99  #: of each statement
    cool_down_hours: _Number = 24.0  #: after it, in which nothing is promoted or rolled back again
    check_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60.0  #: between two looks


class Period(NamedTuple):
    """A stretch of time.

    `lots`: lots by the hour, with an alert that only learned detectors raise, and without: what
    rules find, they find under any version; and of a lot that is odd, all items alert at once.
    `alerts`: items with an alert that people confirmed, and dismissed.
    """

    lots: Tally
    alerts: Tally


def worse(before: Period, after: Period, settings: AftercareSettings) -> str | None:
    """Why a version is surely worse than the one before it; None where it isn't.

    >>> calm, loud = Period(Tally(10, 990), Tally(0, 0)), Period(Tally(60, 440), Tally(0, 0))
    >>> worse(calm, loud, AftercareSettings())
    'learned detectors alert on 12.0% of lots an hour, before on 1.0%'
    >>> worse(calm, calm, AftercareSettings()) is None
    True
    """
    if sum(before.lots) and sum(after.lots):
        usual = before.lots.rate
        if compare(before.lots, after.lots, settings.level).low > settings.more_alerts * usual:
            return (
                f"learned detectors alert on {after.lots.rate:.1%} of lots an hour, before on "
                f"{usual:.1%}"
            )
    if sum(before.alerts) and sum(after.alerts):
        told = compare(before.alerts, after.alerts, settings.level)
        if told.high < -settings.less_precision:
            return (
                f"{after.alerts.rate:.0%} of the alerts are confirmed, before "
                f"{before.alerts.rate:.0%}"
            )
    return None
