"""How a trial is conducted: its kinds, and when it goes on, ends well, or is stopped."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

#: `shadow`: the challenger judges all, without effect. `ab`: it judges a share of the items.
#: `canary`: a share that grows in steps.
Mode = Literal["shadow", "ab", "canary"]
MODES: Final[tuple[Mode, ...]] = ("shadow", "ab", "canary")

_Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
_Number = Annotated[float, msgspec.Meta(ge=0)]


class TrialSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How trials are conducted. A trial keeps those that it began with."""

    steps: tuple[_Share, ...] = (0.01, 0.05, 0.2, 0.5)  #: shares of a canary, one after the other
    step_hours: _Number = 24.0  #: that each step takes at least
    least_items: int = 200  #: that the challenger has to judge in each step
    #: it is stopped once it surely alerts on so many more items, as a share of the champion's
    more_alerts: _Number = 0.5
    less_precision: _Number = 0.05  #: … or once its alerts are surely confirmed so much less often
    failures: int = 3  #: … or once it fails so often in a row in one process
    level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = (
        0.95  #: of "surely", however often one looks
    )
    auto_promote: bool = False  #: whether a canary that passed all steps is promoted
    check_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30.0  #: between two looks at how it goes
    keep_days: _Number = 90.0  #: that verdicts in the shadow are kept
    waiting: int = 2_000  #: scans that may wait for the shadow; more are left out, and counted
