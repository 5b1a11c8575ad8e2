"""Versions, deployments and jobs as callers read them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scantrail.registry import Entry
from scantrail.serve.models import State
from scantrail.stores.deployments import Deployment
from scantrail.stores.jobs import Job
from scantrail.vocabulary.times import microseconds, utc
from scantrail.wiring import Stores

Json = dict[str, Any]


def deployment(one: Deployment) -> Json:
    """A deployment."""
    return {
        "id": one.id,
        "at": utc(one.at),
        "actor": one.actor,
        "action": one.action,
        "version": one.version,
        "reason": one.reason,
    }


def model(entry: Entry, state: State) -> Json:
    """A registered version."""
    about = entry.card.about if entry.card else {}
    data = about.get("data", {})
    return {
        "version": entry.version,
        "created": entry.card.created if entry.card else None,
        "serving": entry.version == state.serving,
        "loaded": entry.version in {one.version for one in state.loaded},
        "fault": entry.fault,
        "events": data.get("events"),
        "items": data.get("items"),
        "seed": about.get("seed"),
        "dataDigest": data.get("digest"),
        "metrics": {"seen_rates": about["seen_rates"]} if "seen_rates" in about else {},
    }


def moment(stores: Stores, time: dt.datetime) -> Json:
    """What judged at a moment."""
    time = time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time
    at = microseconds(time)
    deployed, judged = stores.deployments.at(at), stores.reports.judged_at(at)
    return {
        "at": time.isoformat(timespec="seconds"),
        "deployment": deployed and deployment(deployed),
        "lastReportId": judged and judged["id"],
        "judgedBy": judged["versions"] if judged else {},
    }


def job_view(job: Job) -> Json:
    """A job."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        **job.asked,
        "actor": job.actor,
        "createdAt": utc(job.created_at),
        "startedAt": job.started_at and utc(job.started_at),
        "endedAt": job.ended_at and utc(job.ended_at),
        "stage": job.stage,
        "progress": job.progress,
        "version": job.version,
        "message": job.message,
    }
