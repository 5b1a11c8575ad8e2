"""Which dismissal an alert falls under: those of its item first, then those of groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from scantrail.ingest.epc import decompose
from scantrail.ingest.gs1 import item_of
from scantrail.stores.feedback import Feedback, Group
from scantrail.vocabulary.protocols import Journeys


class Case(NamedTuple):
    """What a group is told by: `place` and `before` are all that a place is called."""

    item: str
    kind: str | None
    product: str | None
    place: frozenset[str]
    before: frozenset[str]


def covers(group: Group, case: Case) -> bool:
    """Whether an alert belongs to a group.

    >>> case = Case("x", "jump", "8804823.1293291", frozenset({"7", "Hub"}), frozenset({"3"}))
    >>> covers(Group(kind="jump", site="Hub"), case), covers(Group(lane=("3", "8")), case)
    (True, False)
    """
    lane = group.lane
    return (
        group.kind in (None, case.kind)
        and group.product in (None, case.product)
        and (group.site is None or group.site in case.place)
        and (lane is None or (lane[0] in case.before and lane[1] in case.place))
    )


class Dismissals:
    """Those that are in force."""

    def __init__(self, given: Iterable[Feedback] = ()) -> None:
        """Order them; of several that cover an alert the newest counts.

        Args:
            given: Dismissals of items and of groups, the oldest first.
        """
        self.by_id = {one.id: one for one in given}
        self._items = {one.item: one.id for one in self.by_id.values() if one.target == "item"}
        self._groups = [one for one in self.by_id.values() if one.target == "group"][::-1]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.by_id)

    def over(self, case: Case) -> int | None:
        """The dismissal that an alert falls under, if any."""
        mine = self._items.get(case.item)
        if mine is not None:
            return mine
        return next((one.id for one in self._groups if covers(one.group, case)), None)

    def mark(self, verdicts: pl.DataFrame, journeys: Journeys) -> pl.Series:
        """The dismissal of each event, `dismissed` Int64, null for none; few events are suspect.

        Args:
            verdicts: `findings.Report.verdicts`, in the order of `journeys.events`.
            journeys: What was judged.
        """
        marks: list[int | None] = [None] * len(verdicts)
        suspects = np.flatnonzero(verdicts["anomaly"].to_numpy())
        if self and len(suspects):
            kinds = verdicts["kind"][suspects.tolist()].to_list()
            for at, case in zip(suspects, cases(kinds, journeys, suspects), strict=True):
                marks[at] = self.over(case)
        return pl.Series("dismissed", marks, pl.Int64)


def cases(
    kinds: Sequence[str | None], journeys: Journeys, places: npt.NDArray[np.int64]
) -> list[Case]:
    """What groups are told by, of the events of these kinds at these places of `events`."""
    at = places.tolist()
    events = journeys.events[at]
    codes = events["epc_code"].to_list()
    linked = journeys.columns
    order = np.argsort(linked["row"], kind="stable")
    stands = order[np.searchsorted(linked["row"], events["row"].to_numpy(), sorter=order)]
    called = _Called(journeys)
    return [
        Case(
            item=item_of(code or ""),
            kind=kind,
            product=product,
            place=called(stand),
            before=called(stand - 1) if linked["position"][stand] > 0 else frozenset(),
        )
        for code, kind, product, stand in zip(
            codes, kinds, products(codes), stands.tolist(), strict=True
        )
    ]


def products(codes: Sequence[str | None]) -> list[str | None]:
    """The product of each code, `company.product`; None where it can't be read.

    >>> products(["001.8804823.1293291.010004.20250701.000004002", "?"])
    ['8804823.1293291', None]
    """
    parts = decompose(pl.Series(codes, dtype=pl.String))
    sound = (parts["company_ok"] & parts["product_ok"]).to_list()
    told = zip(parts["company"].to_list(), parts["product"].to_list(), sound, strict=True)
    return [f"{company}.{product}" if fine else None for company, product, fine in told]


class _Called:
    """All that the place of a linked event is called: by the scan, and by the site list."""

    def __init__(self, journeys: Journeys) -> None:
        self._sites = journeys.columns["site"]
        self._rows = journeys.columns["row"]
        self._events, self._listed = journeys.events, journeys.names
        self._at = {row: at for at, row in enumerate(journeys.events["row"].to_list())}

    def __call__(self, stand: int) -> frozenset[str]:
        event = self._events.row(self._at[int(self._rows[stand])], named=True)
        names = [event["location_id"], event["scan_location"]]
        if (site := int(self._sites[stand])) >= 0:
            names += self._listed.row(site)
        return frozenset(str(name) for name in names if name is not None)
