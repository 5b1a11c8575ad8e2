"""Taking down what people say of alerts: what it is about, and of which past events it speaks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from scantrail import pipeline
from scantrail.errors import ConflictError, InputError, NotFoundError
from scantrail.ingest.gs1 import item_of
from scantrail.lanes import Network
from scantrail.monitoring.dismissals import cases, covers, products
from scantrail.stores.feedback import Feedback, Group, NewFeedback, Suspect, Target, Verdict
from scantrail.vocabulary.findings import AnomalyKind
from scantrail.wiring import Stores

DAYS: Final = 30  #: for which a dismissal of an item or a group holds, unless it says otherwise
MOST_DAYS: Final = 366
_DAY: Final = 86_400_000_000  # microseconds


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says: of one event, of an item, or of a group.

    `event_id` names one scan of the item `epc_code`. `week`: the item was drawn to be looked at.
    `days`: for which a dismissal of an item or a group speaks of what comes.
    """

    verdict: Verdict
    reason: str
    epc_code: str | None = None
    event_id: str | None = None
    group: Group = Group()
    week: str | None = None
    days: int | None = None


def take(stores: Stores, network: Network, saying: Saying, actor: str) -> tuple[Feedback, int]:
    """Take it down.

    Returns:
        The feedback, and of how many suspect events it speaks now.

    Raises:
        InputError: It isn't clear what it is about.
        NotFoundError: What it is about is not stored, or was not drawn.
        ConflictError: There is no alert to dismiss.
    """
    target = _target(saying)
    event, item, code = None, None, saying.epc_code
    if code is not None:
        item = item_of(code)
        code = stores.feedback.spelled(item)
        if code is None:
            raise NotFoundError(f"no scan of {saying.epc_code} is stored; is the code complete?")
    if item is not None and saying.event_id is not None:
        event, code = stores.feedback.event(item, saying.event_id)
    if saying.week is not None:
        _check_drawn(stores, saying.week, item)
    found = list(_events(stores, network, saying, item, event))
    if target != "group" and saying.verdict == "dismiss" and saying.week is None:
        _check_alerted(saying, event, {digest for page in found for digest in page})
    given = stores.feedback.add(
        NewFeedback(
            actor=actor, verdict=saying.verdict, reason=saying.reason, target=target, event=event,
            item=item, epc_code=code, group=saying.group, week=saying.week,
            expires_at=_expiry(saying, target),
        )
    )  # fmt: skip
    for page in found:
        stores.feedback.speaks_of(given.id, page)
    return given, sum(len(page) for page in found)


def _target(saying: Saying) -> Target:
    """What it is about.

    Raises:
        InputError: It isn't clear.
    """
    grouped = saying.group != Group()
    if grouped == (saying.epc_code is not None):
        raise InputError(
            "name either an item (its EPC, and maybe the event id of one scan of it) or a group "
            "(a kind, product, site or lane), and not both"
        )
    kind = saying.group.kind
    if kind is not None and kind not in set(AnomalyKind):
        raise InputError(f"'{kind[:40]}' is no kind; there are: {', '.join(AnomalyKind)}")
    if saying.event_id is not None and saying.epc_code is None:
        raise InputError("an event id alone names no scan; name the EPC with it")
    if saying.week is not None and (saying.epc_code is None or saying.event_id is not None):
        raise InputError("a week's sample is of items; name an EPC, and no event id")
    target: Target = "group" if grouped else "item" if saying.event_id is None else "event"
    lasts = saying.verdict == "dismiss" and target != "event" and saying.week is None
    if saying.days is not None and not lasts:
        raise InputError("only dismissals of items and groups hold for some days")
    if saying.days is not None and not 1 <= saying.days <= MOST_DAYS:
        raise InputError(f"a dismissal holds for 1 to {MOST_DAYS} days, not {saying.days}")
    return target


def _expiry(saying: Saying, target: Target) -> int | None:
    if saying.verdict != "dismiss" or target == "event" or saying.week is not None:
        return None
    return time.time_ns() // 1000 + (saying.days or DAYS) * _DAY


def _check_drawn(stores: Stores, week: str, item: str | None) -> None:
    sample = stores.evaluations.sample(week)
    if sample is None:
        raise NotFoundError(
            f"no sample was drawn for '{week[:20]}'; GET /api/monitoring/audit-sample draws one"
        )
    if item not in {item_of(code) for code in sample.items}:
        raise NotFoundError(f"this item is not in the sample of {week}")


def _check_alerted(saying: Saying, event: bytes | None, found: set[bytes]) -> None:
    if event is not None and event not in found:
        raise ConflictError(f"event {saying.event_id} is not suspect; there is nothing to dismiss")
    if not found:
        raise ConflictError(f"nothing of {saying.epc_code} is suspect; there is nothing to dismiss")


def _events(
    stores: Stores, network: Network, saying: Saying, item: str | None, event: bytes | None
) -> Iterator[list[bytes]]:
    """The suspect events that it speaks of, in pages; of a confirmed event even if it isn't."""
    if item is not None:
        mine = [one.digest for page in stores.feedback.suspects(item) for one in page]
        if event is not None:
            mine = [event] if event in mine or saying.verdict == "confirm" else []
        yield mine
        return
    group = saying.group
    for page in stores.feedback.suspects(kind=group.kind):
        likely = _likely(page, group, network)
        if likely:
            yield _in_group(stores, network, likely, group)


def _likely(page: Sequence[Suspect], group: Group, network: Network) -> list[Suspect]:
    """Those that may belong to a group, by what they say themselves."""
    site = group.lane[1] if group.lane else group.site
    if site is not None:
        names = {site} | {
            str(name)
            for row in network.sites.table.select("location_id", "scan_location").iter_rows()
            if site in {str(row[0]), row[1]}
            for name in row
        }
        page = [
            one for one in page
            if str(one.location_id) in names or one.scan_location in names
            or (one.location_id is None and one.scan_location is None)
        ]  # fmt: skip
    if group.product is not None:
        told = products([one.epc_code for one in page])
        page = [one for one, name in zip(page, told, strict=True) if name == group.product]
    return list(page)


def _in_group(
    stores: Stores, network: Network, likely: Sequence[Suspect], group: Group
) -> list[bytes]:
    """Those that belong to a group, by their journeys."""
    known = stores.reports.journeys(sorted({one.item for one in likely}))
    kinds = {one.digest: one.kind for one in likely}
    places = np.array([at for at, one in enumerate(known.digests) if one in kinds], np.int64)
    if not len(places):
        return []
    journeys = pipeline.see(known.events, network)
    told = [kinds[known.digests[at]] for at in places]
    found = zip(places, cases(told, journeys, places), strict=True)
    return [known.digests[at] for at, case in found if covers(group, case)]
