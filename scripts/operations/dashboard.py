"""Writes the Grafana dashboard: panels are told here in few words, Grafana wants many.

python scripts/operations/dashboard.py            # writes deploy/grafana/dashboards/scantrail.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

FILE: Final = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards" / "scantrail.json"
_SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
_OF: Final = '{job="scantrail", instance=~"$instance"'
_COLUMNS: Final = 3
_WIDTH, _HEIGHT = 24 // _COLUMNS, 8


class Panel(NamedTuple):
    """A panel: what it tells, and by which queries, each with the name of what it gives."""

    title: str
    about: str
    unit: str
    queries: dict[str, str]
    kind: str = "timeseries"
    least: int | None = 0  #: where its axis begins


def _rate(metric: str, labels: str = "", by: str = "") -> str:
    """How much a counter rises per second."""
    group = f" by ({by})" if by else ""
    more = f", {labels}" if labels else ""
    return f"sum{group} (rate({metric}{_OF}{more}}}[$__rate_interval]))"


def _now(metric: str, labels: str = "") -> str:
    return f"{metric}{_OF}{', ' + labels if labels else ''}}}"


def _since(metric: str) -> str:
    return f"time() - max ({_now(metric)})"


def _quantile(share: float, metric: str, labels: str = "", by: str = "") -> str:
    groups = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {_rate(metric + '_bucket', labels, groups)})"


_REQUEST: Final = "scantrail_request_duration_seconds"
_STAGE: Final = "scantrail_stage_duration_seconds"
_VERDICTS: Final = "scantrail_verdicts_total"
_JUDGES: Final = 'route=~"/api/(v1|manager)/.*", method="POST"'
_FIVES, _SUSPECT, _HIT, _CLOSED = (
    'status=~"5.."', 'suspect="true"', 'result="hit"', 'state="closed"',
)  # fmt: skip
_REQUESTS: Final = "scantrail_requests_total"
_LOOKUPS: Final = "scantrail_cache_lookups_total"
_FAILED: Final = f"({_rate(_REQUESTS, _FIVES)} or vector(0))"

ROWS: Final[dict[str, list[Panel]]] = {
    "Traffic": [
        Panel("Requests", "Answers per second, by route.", "reqps",
              {"{{method}} {{route}}": _rate(_REQUESTS, by="method, route")}),
        Panel("Scans judged", "Verdicts per second; records that could not be judged; earlier "
              "verdicts that late scans changed.", "cps",
              {"judged": _rate(_VERDICTS), "rejected": _rate("scantrail_rejected_records_total"),
               "amended": _rate("scantrail_amendments_total")}),
        Panel("In progress", "Requests that are being answered.", "short",
              {"{{instance}}": _now("scantrail_requests_in_progress")}),
        Panel("Failed", "Share of answers that are 5xx.", "percentunit",
              {"failed": f"{_FAILED} / {_rate(_REQUESTS)}"}),
        Panel("Turned away", "Requests per second that were refused: too busy, too often, without "
              "a key that opens, or while the store was down.", "reqps",
              {"{{reason}}": _rate("scantrail_refused_total", by="reason")}),
        Panel("Queue", "Events that wait to be judged, and how many may.", "short",
              {"waiting {{instance}}": _now("scantrail_queue_events"),
               "limit {{instance}}": _now("scantrail_queue_limit_events")}),
    ],
    "Latency": [
        Panel("Judging requests", "From the request's head to the answer's end.", "s",
              {"p50": _quantile(0.5, _REQUEST, _JUDGES),
               "p99": _quantile(0.99, _REQUEST, _JUDGES)}),
        Panel("Stages, p50", "How long requests are in each stage.", "s",
              {"{{stage}}": _quantile(0.5, _STAGE, by="stage")}),
        Panel("Stages, p99", "How long requests are in each stage.", "s",
              {"{{stage}}": _quantile(0.99, _STAGE, by="stage")}),
    ],
    "What is found": [
        Panel("Suspect, by kind", "Suspect verdicts per second, by their primary kind.", "cps",
              {"{{kind}}": _rate(_VERDICTS, _SUSPECT, "kind")}),
        Panel("Alerts per 10,000 scans", "How many of 10,000 verdicts are suspect.", "short",
              {"alerts": f"10000 * {_rate(_VERDICTS, _SUSPECT)} / {_rate(_VERDICTS)}"}),
        Panel("Models", "Versions in memory, and which one judges.", "short",
              {"{{version}} serving={{serving}}": _now("scantrail_model_info"),
               "fault": _now("scantrail_model_fault")}),
    ],
    "Work beside it": [
        Panel("Since a worker was seen", "Workers give a sign of life every 5 seconds.", "s",
              {"worker": _since("scantrail_worker_seen_timestamp_seconds")}),
        Panel("Since monitoring looked", "It looks once after each midnight.", "s",
              {"monitoring": _since("scantrail_monitoring_looked_timestamp_seconds")}),
        Panel("Notices", "Notices of alerts that wait for the webhook, or were given up.", "short",
              {"{{state}}": f"max by (state) ({_now('scantrail_alerts_notices')})"}),
        Panel("Trial: alerted on", "Share of items alerted on, by arm.", "percentunit",
              {"{{arm}}": f"max by (arm) ({_now('scantrail_trial_alert_rate')})"}),
        Panel("Trial: judged, and agreed on", "Share of scans that the shadow judged, or of items "
              "that the challenger judges; share of items on which both agree.", "percentunit",
              {"judged": f"max ({_now('scantrail_trial_judged')})",
               "agreed": f"max ({_now('scantrail_trial_agreement')})"}),
        Panel("Trial: runs, differs", "1 by its kind while a trial runs; whether the challenger "
              "surely alerts, or is confirmed, more often (1) or less often (-1).", "short",
              {"{{mode}}": f"max by (mode) ({_now('scantrail_trial_running')})",
               "{{of}} differ": f"max by (of) ({_now('scantrail_trial_difference')})"}, least=None),
    ],
    "What fails": [
        Panel("Degraded answers", "Answers per second that lack a detector.", "cps",
              {"{{detector}}": _rate("scantrail_degraded_answers_total", by="detector")}),
        Panel("Failing calls", "Calls of a detector per second that gave no answer, and why.",
              "cps", {"{{detector}} {{outcome}}":
                      _rate("scantrail_detector_failures_total", by="detector, outcome")}),
        Panel("Breakers", "0: closed, all is well. 1: open, or being tried.", "short",
              {"{{breaker}} {{instance}}": f"1 - {_now('scantrail_breaker_state', _CLOSED)}"}),
        Panel("Database", "1: it could be read just now.", "short",
              {"{{instance}}": _now("scantrail_database_up")}),
        Panel("Jobs", "Retrainings by what became of them.", "short",
              {"{{state}}": f"max by (state) ({_now('scantrail_jobs')})"}),
        Panel("Up", "1: Prometheus reaches the service.", "short", {"{{instance}}": _now("up")}),
    ],
    "Resources": [
        Panel("Memory", "What the process holds, and what it may.", "bytes",
              {"held {{instance}}": _now("process_resident_memory_bytes"),
               "limit {{instance}}": _now("scantrail_memory_limit_bytes")}),
        Panel("Processors", "How many processors are kept busy.", "short",
              {"{{instance}}": f"rate(process_cpu_seconds_total{_OF}}}[$__rate_interval])"}),
        Panel("Cache", "Share of journeys that were found in the cache.", "percentunit",
              {"found": f"{_rate(_LOOKUPS, _HIT)} / {_rate(_LOOKUPS)}"}),
    ],
}  # fmt: skip


def _axis(panel: Panel) -> dict[str, Any]:
    least = {} if panel.least is None else {"min": panel.least}
    return {"unit": panel.unit, **least}


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + at), "datasource": _SOURCE, "expr": query, "legendFormat": name}
        for at, (name, query) in enumerate(panel.queries.items())
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": _axis(panel), "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    }


def _panels() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    y = 0
    for title, panels in ROWS.items():
        place = {"x": 0, "y": y, "w": 24, "h": 1}
        made.append({"id": len(made) + 1, "type": "row", "title": title, "collapsed": False,
                     "gridPos": place, "panels": []})  # fmt: skip
        y += 1
        for at, panel in enumerate(panels):
            line, column = divmod(at, _COLUMNS)
            made.append(_panel(len(made) + 1, panel, column * _WIDTH, y + line * _HEIGHT))
        y += -(-len(panels) // _COLUMNS) * _HEIGHT
    return made


def _choices() -> list[dict[str, Any]]:
    """What the reader can choose: the data source, and of which instances to see."""
    asked = 'label_values(up{job="scantrail"}, instance)'
    return [
        {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
        {"name": "instance", "type": "query", "label": "Instance", "datasource": _SOURCE,
         "query": {"query": asked, "refId": "instances"}, "refresh": 2, "includeAll": True,
         "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}},
    ]  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": "scantrail",
        "title": "scantrail",
        "description": "The service: traffic, latency, what is found, what fails.",
        "tags": ["scantrail"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _choices()},
        "panels": _panels(),
    }


def text() -> str:
    """The dashboard's file."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
