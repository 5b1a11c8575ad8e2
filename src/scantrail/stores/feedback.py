"""What people say of suspect events, and of audited items. Nothing of it is ever changed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
import sqlalchemy as sa

from scantrail.errors import ConflictError, NotFoundError
from scantrail.stores.database import Database
from scantrail.stores.tables import EVENTS as SCANS
from scantrail.stores.tables import FEEDBACK, JUDGEMENTS, OPINIONS, REPORTS, VERDICTS
from scantrail.stores.trails import OPINE

Verdict = Literal["confirm", "dismiss", "withdraw"]
Target = Literal["event", "item", "group"]
_PAGE: Final = 2_000
_OTHER: Final = FEEDBACK.alias("other")
_HOLDS: Final = ~sa.exists().where(_OTHER.c.withdraws == FEEDBACK.c.id)
#: Who looked at the very event knows best, then who spoke last.
_CLOSENESS: Final = sa.case(
    (FEEDBACK.c.target == "event", 3), (FEEDBACK.c.target == "item", 2), else_=1
)
_later: Final = VERDICTS.alias("later_verdict")
_CURRENT: Final = ~sa.exists().where(
    _later.c.event == VERDICTS.c.event, _later.c.revision > VERDICTS.c.revision
)


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which alerts: of a kind, a product (`company.product`), a site, a lane; None: any.

    Sites are location ids as text, or names; a lane is a site and the next one.
    """

    kind: str | None = None
    product: str | None = None
    site: str | None = None
    lane: tuple[str, str] | None = None


class NewFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """Feedback to be stored; see `tables.FEEDBACK`. Times are microseconds since 1970, UTC."""

    actor: str
    verdict: Verdict
    reason: str
    target: Target
    event: bytes | None = None
    item: str | None = None
    epc_code: str | None = None
    group: Group = Group()
    week: str | None = None
    expires_at: int | None = None
    withdraws: int | None = None


class Feedback(NewFeedback, frozen=True, kw_only=True):
    """Feedback as it is stored. `withdrawn`: by which other one."""

    id: int
    at: int
    withdrawn: int | None = None


class Suspect(NamedTuple):
    """A suspect event, by what is said of it now."""

    report_id: int
    position: int
    digest: bytes
    item: str
    epc_code: str
    kind: str | None
    location_id: int | None
    scan_location: str | None


class Looked(NamedTuple):
    """A suspect event of which feedback speaks: what the service said, and who was right.

    `time` in microseconds since 1970, UTC; `offset` in minutes. `scores`, `made_by`: JSON.
    """

    event: bytes
    item: str
    epc_code: str
    kind: str | None
    scores: str
    learned: bool
    made_by: str
    location_id: int | None
    scan_location: str | None
    time: int
    offset: int
    confirmed: bool
    target: Target
    feedback: int


_LOOKED: Final = (
    OPINIONS.c.event, VERDICTS.c.item, SCANS.c.epc_code, VERDICTS.c.kind, VERDICTS.c.scores,
    VERDICTS.c.learned.is_not(None).label("learned"), JUDGEMENTS.c.made_by, SCANS.c.location_id,
    SCANS.c.scan_location, SCANS.c.time, SCANS.c.offset,
    (FEEDBACK.c.verdict == "confirm").label("confirmed"), FEEDBACK.c.target,
    FEEDBACK.c.id.label("feedback"),
)  # fmt: skip


class FeedbackStore:
    """All feedback. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        """Keep it in a database."""
        self._database = database

    def add(self, new: NewFeedback, now: int | None = None) -> Feedback:
        """Store feedback; `now` in microseconds since 1970, UTC."""
        values = msgspec.structs.asdict(new)
        values["scope"] = msgspec.json.encode(values.pop("group")).decode()
        values["at"] = time.time_ns() // 1000 if now is None else now
        with self._database.writing() as connection:
            added = connection.execute(sa.insert(FEEDBACK).values(values).returning(FEEDBACK.c.id))
            number = int(added.scalar_one())
        return Feedback(id=number, at=values["at"], **msgspec.structs.asdict(new))

    def withdraw(self, number: int, actor: str, reason: str) -> Feedback:
        """Take feedback back: from now on it is as if it had not been given.

        Raises:
            NotFoundError: There is none of that number.
            ConflictError: It was withdrawn, or is a withdrawal itself.
        """
        was = self.get(number)
        if was.withdrawn is not None or was.verdict == "withdraw":
            what = "is a withdrawal itself" if was.verdict == "withdraw" else "was withdrawn"
            raise ConflictError(f"feedback {number} {what}; there is nothing to withdraw")
        return self.add(
            NewFeedback(
                actor=actor, verdict="withdraw", reason=reason, target=was.target,
                item=was.item, epc_code=was.epc_code, group=was.group, withdraws=number,
            )
        )  # fmt: skip

    def get(self, number: int) -> Feedback:
        """Feedback by its number.

        Raises:
            NotFoundError: There is none.
        """
        found = self._read(_asked().where(FEEDBACK.c.id == number))
        if not found:
            raise NotFoundError(f"there is no feedback {number}; GET /api/feedback lists all")
        return found[0]

    def all(self, most: int, before: int | None = None) -> list[Feedback]:
        """The newest feedback, newest first; only what is older than the number `before`."""
        asked = _asked().order_by(FEEDBACK.c.id.desc()).limit(most)
        return self._read(asked if before is None else asked.where(FEEDBACK.c.id < before))

    def last(self) -> int:
        """The number of the newest feedback, 0 if there is none."""
        with self._database.reading() as connection:
            return int(connection.execute(sa.select(sa.func.max(FEEDBACK.c.id))).scalar() or 0)

    def in_force(self, now: int) -> list[Feedback]:
        """Dismissals of items and groups that speak of what is judged now, the oldest first."""
        lasts = sa.or_(FEEDBACK.c.expires_at.is_(None), FEEDBACK.c.expires_at > now)
        about = FEEDBACK.c.target.in_(("item", "group")) & FEEDBACK.c.week.is_(None)
        asked = _asked().where(FEEDBACK.c.verdict == "dismiss", about, lasts, _HOLDS)
        return self._read(asked.order_by(FEEDBACK.c.id))

    def of_week(self, week: str) -> list[Feedback]:
        """What was found of the items that were drawn for a week, the oldest first."""
        asked = _asked().where(FEEDBACK.c.week == week, FEEDBACK.c.verdict != "withdraw", _HOLDS)
        return self._read(asked.order_by(FEEDBACK.c.id))

    def event(self, item: str, event_id: str) -> tuple[bytes, str]:
        """The digest and EPC of the newest scan of an item under an id.

        Raises:
            NotFoundError: There is none.
        """
        asked = sa.select(SCANS.c.digest, SCANS.c.epc_code).where(
            SCANS.c.item == item, SCANS.c.event_id == event_id
        )
        with self._database.reading() as connection:
            found = connection.execute(asked.order_by(SCANS.c.report_id.desc()).limit(1)).first()
        if found is None:
            raise NotFoundError(
                f"no scan of {item[:200]} with the event id {event_id[:80]} is stored; "
                "/api/item?epc=… lists its scans"
            )
        return found.digest, found.epc_code

    def spelled(self, item: str) -> str | None:
        """How the code of a stored item was written, None if there is none."""
        asked = sa.select(SCANS.c.epc_code).where(SCANS.c.item == item).limit(1)
        with self._database.reading() as connection:
            return connection.execute(asked).scalar()

    def suspects(self, item: str | None = None, kind: str | None = None) -> Iterator[list[Suspect]]:
        """Events that are suspect now, of an item or kind or all, in pages as they came."""
        columns = [
            SCANS.c.report_id, SCANS.c.position, SCANS.c.digest, SCANS.c.item, SCANS.c.epc_code,
            VERDICTS.c.kind, SCANS.c.location_id, SCANS.c.scan_location,
        ]  # fmt: skip
        suspect = VERDICTS.c.anomaly == sa.true()
        asked = sa.select(*columns).join(VERDICTS, VERDICTS.c.event == SCANS.c.digest)
        asked = asked.where(suspect, _CURRENT).order_by(SCANS.c.report_id, SCANS.c.position)
        if item is not None:
            asked = asked.where(SCANS.c.item == item)
        if kind is not None:
            asked = asked.where(VERDICTS.c.kind == kind)
        with self._database.reading() as connection:
            found = connection.execution_options(yield_per=_PAGE).execute(asked)
            for page in found.partitions():
                yield [Suspect(*row) for row in page]

    def speaks_of(self, number: int, events: Sequence[bytes]) -> None:
        """Note that feedback speaks of events; what was noted before stays."""
        if not events:
            return
        values = [{"event": event, "feedback": number} for event in events]
        with self._database.writing() as connection:
            connection.execute(OPINE, values)

    def opinions(self, events: Sequence[bytes]) -> dict[bytes, Feedback]:
        """What people say of events, those of which nobody spoke left out."""
        said: dict[bytes, Feedback] = {}
        for start in range(0, len(events), _PAGE):
            mine = OPINIONS.c.event.in_(list(events[start : start + _PAGE]))
            asked = _asked(OPINIONS.c.event.label("of"))
            asked = asked.join(OPINIONS, OPINIONS.c.feedback == FEEDBACK.c.id).where(mine, _HOLDS)
            with self._database.reading() as connection:
                for row in connection.execute(asked.order_by(_CLOSENESS, FEEDBACK.c.id)):
                    said[row.of] = _of(row)
        return said

    def dismissed(self) -> int:
        """How many events that are suspect now, and belong to journeys, people have dismissed."""
        last = sa.func.row_number().over(
            partition_by=OPINIONS.c.event, order_by=(_CLOSENESS.desc(), FEEDBACK.c.id.desc())
        )
        ranked = (
            sa.select(OPINIONS.c.event, FEEDBACK.c.verdict, last.label("place"))
            .join(FEEDBACK, FEEDBACK.c.id == OPINIONS.c.feedback)
            .where(_HOLDS)
            .subquery()
        )
        asked = (
            sa.select(sa.func.count())
            .select_from(ranked)
            .join(SCANS, SCANS.c.digest == ranked.c.event)
            .join(VERDICTS, VERDICTS.c.event == ranked.c.event)
            .where(ranked.c.place == 1, ranked.c.verdict == "dismiss", ~SCANS.c.apart)
            .where(VERDICTS.c.anomaly == sa.true(), _CURRENT)
        )
        with self._database.reading() as connection:
            return int(connection.execute(asked).scalar_one())

    def looked(self, since: int) -> list[Looked]:
        """Suspect events of which feedback given since then speaks, each with what holds of it."""
        asked = (
            sa.select(*_LOOKED)
            .join(FEEDBACK, FEEDBACK.c.id == OPINIONS.c.feedback)
            .join(SCANS, SCANS.c.digest == OPINIONS.c.event)
            .join(VERDICTS, (VERDICTS.c.event == OPINIONS.c.event) & _CURRENT)
            .join(REPORTS, REPORTS.c.id == VERDICTS.c.report_id)
            .join(JUDGEMENTS, JUDGEMENTS.c.digest == REPORTS.c.judgement)
            .where(FEEDBACK.c.at >= since, _HOLDS, VERDICTS.c.anomaly == sa.true())
            .order_by(_CLOSENESS, FEEDBACK.c.id)
        )
        found: dict[bytes, Looked] = {}
        with self._database.reading() as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(asked):
                found[row.event] = Looked(*row)
        return list(found.values())

    def known_items(self, since: int = 0) -> dict[str, bool]:
        """EPCs of which people know whether they are anomalous, by feedback given since then.

        An item is, if anything of it was confirmed; it isn't, if all that was said dismisses it.
        """
        said: dict[str, bool] = {}
        for one in self.looked(since):
            said[one.epc_code] = said.get(one.epc_code, False) or one.confirmed
        of_one = _asked().where(
            FEEDBACK.c.target != "group", FEEDBACK.c.verdict != "withdraw", _HOLDS,
            FEEDBACK.c.at >= since,
        )  # fmt: skip
        for given in self._read(of_one.order_by(FEEDBACK.c.id)):
            if given.epc_code is not None:
                confirmed = given.verdict == "confirm"
                said[given.epc_code] = said.get(given.epc_code, False) or confirmed
        return said

    def _read(self, asked: sa.Select[Any]) -> list[Feedback]:
        with self._database.reading() as connection:
            return [_of(row) for row in connection.execute(asked)]


def _asked(*more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    withdrawn = sa.select(_OTHER.c.id).where(_OTHER.c.withdraws == FEEDBACK.c.id).scalar_subquery()
    return sa.select(FEEDBACK, withdrawn.label("withdrawn"), *more)


def _of(row: sa.Row[Any]) -> Feedback:
    values = {name: getattr(row, name) for name in Feedback.__struct_fields__ if name != "group"}
    return Feedback(group=msgspec.json.decode(row.scope, type=Group), **values)
