"""What is stored, table by table. Facts and what was said of them are only ever added to.

Times are microseconds since 1970 in UTC, so that both databases keep and compare them exactly.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

#: The newest migration.
VERSION: Final = "0002"

METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up INTEGER only
_Digest = sa.LargeBinary(16)


def _id() -> sa.Column[int]:
    return sa.Column("id", _Number, primary_key=True, autoincrement=True)


#: One request that was judged. `answer` is what its caller was told, for one who asks again.
REPORTS: Final = sa.Table(
    "reports",
    METADATA,
    _id(),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("asked", _Digest, nullable=False),  # of the request
    sa.Column("idempotency_key", sa.Text, unique=True),
    sa.Column("judgement", _Digest, nullable=False),
    sa.Column("degraded", sa.Text, nullable=False),  # detectors, by comma
    sa.Column("rejects", sa.Text, nullable=False),  # JSON
    sa.Column("events", sa.Integer, nullable=False),
    sa.Column("suspects", sa.Integer, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Index(None, "created_at"),
)

#: By what something was judged: versions of detectors, profile, settings (JSON).
JUDGEMENTS: Final = sa.Table(
    "judgements",
    METADATA,
    sa.Column("digest", _Digest, primary_key=True),
    sa.Column("made_by", sa.Text, nullable=False),
)

#: Every scan, once. `apart`: it was judged by itself and belongs to no journey. `moment`: a hash of
#: place, words and second, which items that move together share. `item`: the code in one spelling.
EVENTS: Final = sa.Table(
    "events",
    METADATA,
    sa.Column("digest", _Digest, primary_key=True),
    sa.Column("report_id", _Number, sa.ForeignKey("reports.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),  # within the report
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("epc_code", sa.Text, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("offset", sa.SmallInteger, nullable=False),  # minutes
    sa.Column("event_id", sa.Text),
    sa.Column("file_id", sa.BigInteger),
    sa.Column("location_id", sa.BigInteger),
    sa.Column("scan_location", sa.Text),
    sa.Column("business_step", sa.Text),
    sa.Column("event_type", sa.Text),
    sa.Column("flags", sa.Integer, nullable=False),
    sa.Column("moment", sa.BigInteger, nullable=False),
    sa.Column("apart", sa.Boolean, nullable=False),
    sa.Index(None, "item"),
    sa.Index(None, "report_id"),
    sa.Index(None, "moment"),
)

#: What was said of an event. A later revision amends or retracts an earlier one; all are kept.
#: `journey`: digest of the scans of the item that were known then. `scores`: JSON, without zeros.
VERDICTS: Final = sa.Table(
    "verdicts",
    METADATA,
    sa.Column("event", _Digest, sa.ForeignKey("events.digest"), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("report_id", _Number, sa.ForeignKey("reports.id"), nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("journey", _Digest, nullable=False),
    sa.Column("anomaly", sa.Boolean, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("confidence", sa.Float),
    sa.Column("scores", sa.Text, nullable=False),
    sa.Column("cause", sa.Text),
    sa.Column("explanation", sa.Text),
    sa.Column("expected", sa.Text),
    sa.Column("learned", sa.Text),  # what learned detectors say
    sa.Index(None, "item"),
    sa.Index(None, "report_id"),
    sa.Index(  # few are suspect, and they are asked for often
        "ix_verdicts_suspect",
        "report_id",
        sqlite_where=sa.text("anomaly = 1"),
        postgresql_where=sa.text("anomaly"),
    ),
)

#: Where each item stands: what its journey adds up to, kept as its scans come in.
ITEMS: Final = sa.Table(
    "items",
    METADATA,
    sa.Column("item", sa.Text, primary_key=True),
    sa.Column("events", sa.Integer, nullable=False),
    sa.Column("moves", sa.Integer, nullable=False),
    sa.Column("suspects", sa.Integer, nullable=False),
    sa.Column("first_time", sa.BigInteger, nullable=False),
    sa.Column("last_time", sa.BigInteger, nullable=False),
    sa.Column("place", sa.Text),  # where it was seen last
    sa.Column("step", sa.Text),
    sa.Column("in_stock", sa.Boolean, nullable=False),
    sa.Column("dispatched", sa.Boolean, nullable=False),
    sa.Column("sold_at", sa.BigInteger),
    sa.Column("product", sa.Text),
)

#: What people say of suspect events, and of audited items (`week`: of which week's sample).
#: `verdict`: confirm, dismiss, or withdraw (of what `withdraws` names). `target`: what it is about:
#: an event, an item, or a group (`scope`: JSON). A dismissal speaks of what comes until it expires.
FEEDBACK: Final = sa.Table(
    "feedback",
    METADATA,
    _id(),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("event", _Digest),
    sa.Column("item", sa.Text),
    sa.Column("epc_code", sa.Text),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("week", sa.Text),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("withdraws", _Number, unique=True),
    sa.Index(None, "item"),
    sa.Index(None, "week"),
)

#: Which feedback speaks of which suspect event: of past ones when it is given, of later ones when
#: they are judged.
OPINIONS: Final = sa.Table(
    "opinions",
    METADATA,
    sa.Column("event", _Digest, sa.ForeignKey("events.digest"), primary_key=True),
    sa.Column("feedback", _Number, sa.ForeignKey("feedback.id"), primary_key=True),
    sa.Index(None, "feedback"),
)

#: Items without an alert that were drawn for people to look at, week by week. `items`: EPCs (JSON).
#: `alerted`, `silent`: how many items with and without an alert the week had.
SAMPLES: Final = sa.Table(
    "samples",
    METADATA,
    sa.Column("week", sa.Text, primary_key=True),  # ISO 8601: 2025-W36
    sa.Column("drawn_at", sa.BigInteger, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("alerted", sa.Integer, nullable=False),
    sa.Column("silent", sa.Integer, nullable=False),
    sa.Column("items", sa.Text, nullable=False),
)

#: What is usual while a version judges (`monitoring.baseline`); the newest of a version counts.
BASELINES: Final = sa.Table(
    "baselines",
    METADATA,
    _id(),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("every", sa.Integer, nullable=False),  # one moment in so many was looked at
    sa.Column("content", sa.LargeBinary, nullable=False),  # JSON
    sa.Index(None, "version"),
)

#: What monitoring found, midnight by midnight (`until`: ISO 8601, by the sites' clock).
EVALUATIONS: Final = sa.Table(
    "evaluations",
    METADATA,
    _id(),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("until", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("baseline", sa.Text),  # its digest; null while one is being learned
    sa.Column("found", sa.Text, nullable=False),  # JSON
    sa.Index(None, "until"),
)

#: Alerts of monitoring: each change of one is a row, and the newest row of each is how it stands.
#: `state`: all that is known of it (JSON). `what` happened: seen, start, update, end, snooze …
ALERTS: Final = sa.Table(
    "alerts",
    METADATA,
    _id(),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("alert", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Index(None, "alert"),
    sa.Index(None, "key"),
)

#: Notices on their way to the webhook. `state`: waiting, delivered or dead.
OUTBOX: Final = sa.Table(
    "outbox",
    METADATA,
    _id(),
    sa.Column("notice", sa.Text, nullable=False, unique=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Index(None, "state", "due"),
)

#: Processes that work in the background, and when each gave its last sign of life.
WORKERS: Final = sa.Table(
    "workers",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),  # machine and process
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
)

#: Which artifact judges, from when on. The last row rules; none is ever changed.
DEPLOYMENTS: Final = sa.Table(
    "deployments",
    METADATA,
    _id(),
    sa.Column("after", _Number, nullable=False, unique=True),  # two can't follow one row
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),  # start, promote, rollback, pin, unpin
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

#: What was done about trials of a challenger, in one line as deployments are. `share`: of the items
#: that it judges; `salt`: draws them.
TRIALS: Final = sa.Table(
    "trials",
    METADATA,
    _id(),
    sa.Column("after", _Number, nullable=False, unique=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("trial", sa.Integer, nullable=False),
    sa.Column("action", sa.Text, nullable=False),  # start, step, stop, promote, abort
    sa.Column("mode", sa.Text, nullable=False),  # shadow, ab, canary
    sa.Column("champion", sa.Text, nullable=False),
    sa.Column("challenger", sa.Text, nullable=False),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),  # JSON
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

#: What the challenger of a trial in the shadow thinks of a scan, and whether the champion found it
#: suspect at that moment. Kept for a while only.
SHADOWS: Final = sa.Table(
    "shadows",
    METADATA,
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("event", _Digest, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("suspect", sa.Boolean, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("champion", sa.Boolean, nullable=False),
    sa.Index(None, "at"),
)

#: Work in the background. `active` is the job's lane while it waits or runs, else null: being
#: unique, it lets one job of a lane at a time do so. `seen_at`: when somebody last gave a sign of
#: life for it.
JOBS: Final = sa.Table(
    "jobs",
    METADATA,
    _id(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("active", sa.Text, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("asked", sa.Text, nullable=False),  # JSON
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("progress", sa.Float, nullable=False),  # 0 to 1
    sa.Column("version", sa.Text),  # of the artifact that it made
    sa.Column("message", sa.Text),
    sa.Column("cancelled", sa.Boolean, nullable=False),  # somebody asked for it
    sa.Column("result", sa.Text),  # JSON, where a message is too little
)

#: Who may call. Of a key only a hash is kept.
API_KEYS: Final = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hashed", sa.LargeBinary(32), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),  # by comma
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("last_used_at", sa.BigInteger),
    sa.Column("replaces", sa.Text),  # the key that it follows
)

#: Every act of an administrator, and every refusal of one. `outcome`: begun, then how it ended.
AUDIT: Final = sa.Table(
    "audit",
    METADATA,
    _id(),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # JSON
    sa.Column("request_id", sa.Text),
)
