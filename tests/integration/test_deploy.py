"""What is deployed fits the service: every name in deploy/ and in the docs is one that exists."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from scantrail.settings import Settings, read_settings
from scantrail.testing import app_in_memory
from scantrail.wiring import DEMO, engine

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "rules" / "scantrail.yml"
GUIDE = (ROOT / "docs" / "operations" / "observing.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
COMPOSE = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text("utf-8"))
METRIC = re.compile(r"\b((?:scantrail|process)_[a-z_]+)(?=[{`\[ )]|$)", re.MULTILINE)


@pytest.fixture(scope="module")
def app():
    return app_in_memory(engine(Settings()))


@pytest.fixture(scope="module")
def exposed(app, call):
    """The names of all series, and of what they belong to."""
    send = call(app)
    send("POST", "/api/v1/barcode-anomaly-detect", content=(DEMO / "sample.json").read_bytes())
    lines = send("GET", "/metrics").text.splitlines()
    series = {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
    families = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    return series, families


def dashboard():
    return json.loads((DEPLOY / "grafana" / "dashboards" / "scantrail.json").read_text("utf-8"))


def queries():
    panels = [p for p in dashboard()["panels"] if p["type"] != "row"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def alerts():
    return yaml.safe_load(RULES.read_text("utf-8"))["groups"][0]["rules"]


def needs(program):
    found = shutil.which(program) or shutil.which(program, path=Path(sys.executable).parent)
    if found is None:
        pytest.skip(f"needs {program}")
    return found


def ran(*words):
    return subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)


def test_panels_and_rules_ask_for_what_there_is(exposed):
    asked = [*queries(), *(rule["expr"] for rule in alerts())]
    named = {name for query in asked for name in METRIC.findall(query)}
    assert len(named) > 20
    assert named - exposed[0] == set()


def test_the_guide_tells_every_metric_and_no_other(exposed):
    table = GUIDE.split("## Metrics")[1].split("### Stages")[0]
    told = set(re.findall(r"^\| `(scantrail_\w+)`", table, re.MULTILINE))
    own = {name for name in exposed[1] if name.startswith("scantrail_")}
    assert told == own


def test_the_guide_says_what_to_do_on_each_alert():
    for rule in alerts():
        name = rule["alert"]
        assert f"\n### {name}\n" in GUIDE
        assert rule["annotations"]["runbook"] == f"docs/operations/observing.md#{name.lower()}"
        assert rule["labels"]["severity"] in {"warning", "critical"}
    assert len(re.findall(r"^### Scantrail", GUIDE, re.MULTILINE)) == len(alerts())


def test_the_guide_tells_all_that_is_logged_to_have_happened():
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    said = re.findall(r'"happened": "(\w+)"', source)
    said += re.findall(r'"((?:breaker|detector)_(?:late|failed|open|closed))"', source)
    table = GUIDE.split("\n| `happened` | with |")[1].split("\n## ")[0]
    for name in said:
        assert f"`{name}`" in table, name


def test_the_dashboard_is_what_its_script_writes():
    path = ROOT / "scripts" / "operations" / "dashboard.py"
    spec = importlib.util.spec_from_file_location("dashboard", path)
    script = importlib.util.module_from_spec(spec)
    sys.modules["dashboard"] = script
    spec.loader.exec_module(script)
    assert script.FILE.read_text("utf-8") == script.text()
    places = [tuple(panel["gridPos"].values()) for panel in dashboard()["panels"]]
    assert len(set(places)) == len(places)


def test_settings_that_are_set_exist():
    files = [*DEPLOY.rglob("*"), *(ROOT / "docs" / "operations").glob("*.md")]
    for path in (each for each in files if each.is_file()):
        for name in set(re.findall(r"\bSCANTRAIL_([A-Z_]*[A-Z])\b", path.read_text("utf-8"))):
            field = name.lower().split("__")[0]
            assert field in (*Settings.__struct_fields__, "config"), f"{path.name}: {name}"


def test_the_guide_to_settings_tells_all_of_them():
    told = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for field in Settings.__struct_fields__:
        assert f"SCANTRAIL_{field.upper()}" in told, field


def test_values_of_the_unit_and_the_containers_can_be_used():
    unit = (DEPLOY / "systemd" / "scantrail.service").read_text("utf-8")
    given = dict(re.findall(r"^Environment=(SCANTRAIL_\w+)=(.*)$", unit, re.MULTILINE))
    assert read_settings(given).log_format == "json"
    given = COMPOSE["services"]["scantrail"]["environment"]
    assert read_settings(given).redis_url == "redis://redis:6379/0"


def test_the_unit_is_sound_and_tight(tmp_path):
    analyze = needs("systemd-analyze")
    unit = (DEPLOY / "systemd" / "scantrail.service").read_text("utf-8")
    program = Path(sys.executable).with_name("scantrail")
    assert "ExecStart=/opt/scantrail/bin/scantrail serve " in unit
    path = tmp_path / "scantrail.service"
    path.write_text(unit.replace("/opt/scantrail/bin/scantrail", str(program)), "utf-8")
    verified = ran(analyze, "verify", path)
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = ran(analyze, "security", "--offline=true", "--threshold=20", path)
    assert judged.returncode == 0, judged.stdout


def test_the_container_copies_and_runs_what_there_is(app):
    text = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in (ROOT / ".containerignore").read_text("utf-8")
    [extras] = re.findall(r"'\.\[(.*)\]'", text)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert (
        json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[1])[0] in PROJECT["scripts"]
    )
    [checked] = re.findall(r"http://127\.0\.0\.1:8000(/[a-z/]+)", text)
    assert checked in {route.path for route in app.routes}
    assert re.search(r"^USER [1-9]", text, re.MULTILINE)
    assert text.rindex("\nUSER ") < text.index("\nENTRYPOINT ")


def test_compose_mounts_and_builds_what_there_is():
    folder = DEPLOY / "container"
    build = COMPOSE["services"]["scantrail"]["build"]
    context = (folder / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            where = (folder / source).exists() if "/" in source else source in COMPOSE["volumes"]
            assert where, f"{name}: {volume}"
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"
        assert set(service.get("depends_on", ())) <= set(COMPOSE["services"])


def test_the_containers_have_the_same_rules_and_jobs():
    own, theirs = (
        yaml.safe_load((DEPLOY / "prometheus" / f"prometheus{kind}.yml").read_text("utf-8"))
        for kind in ("", ".compose")
    )
    for config in (own, theirs):
        [job] = config["scrape_configs"]
        job.pop("static_configs")
        job["authorization"].pop("credentials_file")
    assert own == theirs


def test_hadolint_finds_nothing():
    found = ran(needs("hadolint"), DEPLOY / "container" / "Containerfile")
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.compose.yml"])
def test_prometheus_takes_the_configuration(name, tmp_path):
    promtool = needs("promtool")
    shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus")
    path = tmp_path / "prometheus" / name
    (path.parent / "scantrail.key").write_text("a key\n")
    path.write_text(path.read_text("utf-8").replace("/run/secrets/scantrail_key", "scantrail.key"))
    checked = ran(promtool, "check", "config", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


DETECT = 'method="POST", route="/api/v1/barcode-anomaly-detect"'
#: Series of a service that is well: what is added to each by the minute, or its value.
WELL = {
    "up": "1x{n}",
    "scantrail_database_up": "1x{n}",
    f'scantrail_requests_total|{DETECT}, status="200"': "0+600x{n}",
    f'scantrail_requests_total|{DETECT}, status="500"': "0+1x{n}",
    f'scantrail_requests_total|{DETECT}, status="503"': "0x{n}",
    f'scantrail_request_duration_seconds_bucket|{DETECT}, le="0.1"': "0+600x{n}",
    f'scantrail_request_duration_seconds_bucket|{DETECT}, le="5"': "0+601x{n}",
    f'scantrail_request_duration_seconds_bucket|{DETECT}, le="+Inf"': "0+601x{n}",
    'scantrail_refused_total|reason="busy"': "0x{n}",
    'scantrail_refused_total|reason="key"': "0+10x{n}",
    "scantrail_queue_events": "100x{n}",
    "scantrail_queue_limit_events": "200000x{n}",
    'scantrail_degraded_answers_total|detector="lstm"': "0x{n}",
    'scantrail_breaker_state|breaker="lstm", state="closed"': "1x{n}",
    "scantrail_model_fault": "0x{n}",
    'scantrail_model_info|version="1a", serving="true"': "1x{n}",
    'scantrail_model_info|version="0f", serving="false"': "1x{n}",
    "process_resident_memory_bytes": "300000000x{n}",
    "scantrail_memory_limit_bytes": "4294967296x{n}",
    'scantrail_verdicts_total|kind="none", suspect="false"': "0+5990x{n}",
    'scantrail_verdicts_total|kind="jump", suspect="true"': "0+10x{n}",
    "scantrail_rejected_records_total": "0+60x{n}",
    'scantrail_jobs|state="failed"': "1x{n}",
    "scantrail_workers": "1x{n}",
    'scantrail_alerts_notices|state="waiting"': "0x{n}",
    'scantrail_alerts_notices|state="dead"': "0x{n}",
    'scantrail_trial_difference|of="alerts"': "0x{n}",
    'scantrail_trial_difference|of="precision"': "0x{n}",
}
#: What happens, what that changes, after how many minutes we look, and who is called then.
CASES = {
    "all is well": ({}, 120, []),
    "it is gone": ({"up": "0x{n}"}, 10, ["Down"]),
    "it was gone for a moment": ({"up": "1x8 0 1"}, 10, []),
    "the database is gone": ({"scantrail_database_up": "0x{n}"}, 10, ["DatabaseDown"]),
    "one answer in twenty is an error": ({'status="500"': "0+30x{n}"}, 20, ["Errors"]),
    "requests are turned away": (
        {'status="503"': "0+300x{n}", 'reason="busy"': "0+300x{n}"}, 20, ["Shedding"],
    ),
    "the queue fills": ({"queue_events": "0+10000x15 150000x{n}"}, 30, ["QueueFilling"]),
    "judging is slow": ({'le="0.1"': "0+300x{n}"}, 30, ["Slow"]),
    "a detector fails": (
        {"degraded": "0+5x{n}", "breaker": "1 1 1 0x{n}"}, 20, ["BreakerOpen", "Degraded"],
    ),
    "a version can't be used": ({"model_fault": "1x{n}"}, 10, ["ModelUnusable"]),
    "two versions judge": ({'version="0f", serving="true"': "1x{n}"}, 20, ["VersionsDiffer"]),
    "memory grows": ({"resident": "300000000+100000000x40 4300000000x{n}"}, 60, ["MemoryHigh"]),
    "scans stop": (
        {'kind="none"': "0+5990x120 718800x{n}", 'kind="jump"': "0+10x120 1200x{n}",
         "rejected": "0x{n}"},
        180, ["NothingJudged"],
    ),
    "five times as many are suspect": (
        {'kind="jump"': "0+10x1500 15050+50x{n}"}, 1590, ["AlertRateHigh"],
    ),
    "a file can't be read": ({"rejected": "0+1000x{n}"}, 60, ["Rejects"]),
    "somebody guesses keys": ({'reason="key"': "0+600x{n}"}, 30, ["KeysRefused"]),
    "no worker is there": ({"scantrail_workers": "1 0x{n}"}, 20, ["NoWorker"]),
    "a worker is started anew": ({"scantrail_workers": "1 0 0 1x{n}"}, 20, []),
    "the webhook is gone": ({'state="waiting"': "0x10 2x{n}"}, 60, ["NoticesWait"]),
    "notices are given up": ({'state="dead"': "0x10 2x{n}"}, 20, ["NoticesGivenUp"]),
    "the challenger alerts more often": ({'of="alerts"': "0x10 1x{n}"}, 30, ["TrialDiffers"]),
    "its alerts are confirmed less often": ({'of="precision"': "0x10 -1x{n}"}, 30, ["TrialDiffers"]),
    "a retraining fails": ({"jobs": "1x20 2x{n}"}, 40, ["JobFailed"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_who_is_called_when(case, tmp_path):
    promtool = needs("promtool")
    changes, minutes, called = CASES[case]
    series = dict(WELL)
    for part, values in changes.items():
        names = [part] if part in series else [name for name in series if part in name]
        if part == 'version="0f", serving="true"':  # of another process
            names = [f"scantrail_model_info|{part}"]
        assert len(names) == 1, part
        series[names[0]] = values
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": [
                {"series": _series(name), "values": values.format(n=minutes)}
                for name, values in series.items()
            ],
            "promql_expr_test": [{
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minutes}m",
                "exp_samples": [
                    {"labels": f'{{alertname="Scantrail{name}"}}', "value": 1} for name in called
                ],
            }],
        }],
    }  # fmt: skip
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(test), "utf-8")
    tried = ran(promtool, "test", "rules", path)
    assert tried.returncode == 0, tried.stdout + tried.stderr


def _series(name):
    metric, _, labels = name.partition("|")
    return f'{metric}{{instance="a", job="scantrail"{", " + labels if labels else ""}}}'


def test_every_alert_is_tried():
    tried = {f"Scantrail{name}" for *_, called in CASES.values() for name in called}
    assert tried == {rule["alert"] for rule in alerts()}
