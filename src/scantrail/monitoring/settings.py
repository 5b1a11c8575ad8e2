"""How the service watches itself, and what it does about what it sees."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from scantrail.monitoring.alerts import AlertSettings
from scantrail.monitoring.drift import DriftSettings
from scantrail.monitoring.webhook import Webhook

_Number = Annotated[float, msgspec.Meta(ge=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class MonitoringSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When it looks, and at what."""

    every_minutes: Annotated[int, msgspec.Meta(ge=0)] = 10  #: between two looks; 0: only on request
    grace_hours: _Number = 1.0  #: after a midnight, until what came before it is looked at
    #: by when scans came in, or by when they were made: for logs that are handed in long after
    clock: Literal["arrival", "scan"] = "arrival"
    #: days that a baseline needs, whole weeks are best; it takes up to 56 where there are more
    baseline_days: Annotated[int, msgspec.Meta(ge=14, le=56)] = 28
    most_scans: Annotated[int, msgspec.Meta(ge=10_000)] = 400_000  #: of a baseline; of more, a part
    audit_size: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50  #: items drawn a week
    audit_seed: int = 0
    feedback_days: Annotated[int, msgspec.Meta(ge=1)] = 90  #: feedback counts for so long
    drift: DriftSettings = DriftSettings()
    alerts: AlertSettings = AlertSettings()


class RetrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What starts a retraining by itself. Nothing does, unless it is named in `on`."""

    on: tuple[Literal["drift", "performance", "age"], ...] = ()
    drift_days: Annotated[int, msgspec.Meta(ge=1)] = 7  #: so long a drift of inputs or scores lasts
    least_precision: _Share = 0.5  #: of alerts; surely less is too little
    least_recall: _Share = 0.5  #: of anomalous items; surely less is too little
    age_days: Annotated[int, msgspec.Meta(ge=1)] = 90  #: an artifact is old then
    cool_down_days: _Number = 14.0  #: after a retraining, in which none starts by itself
    dataset: str = ""  #: what it learns from; empty: all stored scans
    epochs: Annotated[int, msgspec.Meta(ge=1, le=200)] = 4


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where notices of alerts go; nowhere without a URL."""

    url: str = ""
    secret: str = ""  #: shared with the receiver, 16 letters at least
    timeout: float = 10.0  #: seconds of a try
    tries: int = 14
    first_wait: float = 30.0  #: seconds, doubled from try to try
    longest_wait: float = 4 * 3600.0

    def hook(self) -> Webhook | None:
        """The webhook, None where there is none.

        Raises:
            MonitoringError: It can't be used; the message says why.
        """
        return Webhook(**msgspec.structs.asdict(self)) if self.url else None
