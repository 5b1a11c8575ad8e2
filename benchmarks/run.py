"""Measure speed as ratios, side by side in one run, and write docs/benchmarks.md.

Run from the project's root: `make bench` (a minute or two); `QUICK=1` takes a smaller log.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl

from scantrail import lanes
from scantrail.settings import Settings
from scantrail.simulate import SimulationConfig, simulate, write
from scantrail.wiring import DEMO, Engine, network_at, read_events

HERE = Path(__file__).parent
OUT = Path("out/bench")
TASKS = ("floor", "five-rules", "everything", "models")
ROUNDS = 5
REQUESTS = {1: 300, 100: 150, 1000: 100}


def main() -> None:
    """Measure and write."""
    epcs = 20_000 if os.environ.get("QUICK") else 200_000
    print("simulating …", flush=True)
    scans, network = prepare(epcs)
    print("whole log …", flush=True)
    whole = whole_log(scans, network)
    print("API …", flush=True)
    calls = api()
    text = page(whole, calls) + stages_page({size: stages_of(size) for size in REQUESTS})
    print("models …", flush=True)
    text += models_page(whole)
    Path("docs/benchmarks.md").write_text(text, encoding="utf-8")
    print(text)


def prepare(epcs: int) -> tuple[Path, Path]:
    """A simulated log and the network learned from it."""
    write(simulate(SimulationConfig(epcs=epcs, seed=3)), OUT)
    settings = Settings()
    engine = Engine(settings, network_at(OUT / "sites.csv"))
    events = read_events(OUT / "scans.tsv", settings, engine.network.sites)
    lanes.write_network(engine.learned_from(events).network, OUT / "network")
    return OUT / "scans.tsv", OUT / "network"


def whole_log(scans: Path, network: Path) -> dict[str, list[dict[str, Any]]]:
    """Each task in processes of its own, in turns."""
    runs: dict[str, list[dict[str, Any]]] = {task: [] for task in TASKS}
    for _ in range(ROUNDS):
        for task in TASKS:
            command = [sys.executable, str(HERE / "whole_log.py"), task, str(scans), str(network)]
            done = subprocess.run(command, capture_output=True, check=True, text=True)
            runs[task].append(json.loads(done.stdout))
    return runs


def api() -> dict[int, dict[str, list[float]]]:
    """Milliseconds of each call, echo and detection in turns, on one connection."""
    (OUT / "bench.sqlite").unlink(missing_ok=True)
    environment = os.environ | {"SCANTRAIL_DATABASE_URL": f"sqlite:///{OUT / 'bench.sqlite'}"}
    with subprocess.Popen(
        [sys.executable, str(HERE / "server.py")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            connection = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline()))
            wait_for(connection)
            return {size: timed(connection, size, count) for size, count in REQUESTS.items()}
        finally:
            server.terminate()


def stages_of(size: int) -> dict[str, float]:
    """Microseconds of CPU by stage of requests with so many records, in a process of its own."""
    bodies = OUT / f"bodies-{size}.jsonl"
    bodies.write_bytes(b"\n".join(request_body(size, i) for i in range(REQUESTS[size])))
    command = [sys.executable, str(HERE / "one_request.py"), str(bodies)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    stages: dict[str, float] = json.loads(done.stdout)
    return stages


def wait_for(connection: http.client.HTTPConnection) -> None:
    """Until the server answers."""
    for _ in range(100):
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
        except OSError:
            connection.close()
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


def timed(connection: http.client.HTTPConnection, size: int, count: int) -> dict[str, list[float]]:
    """Times of calls with fresh EPCs each time; the first tenth warms up and is not counted."""
    detect = "/api/v1/barcode-anomaly-detect"
    paths = {"echo": "/echo", "detect": f"{detect}?ml=false", "models": detect}
    times: dict[str, list[float]] = {name: [] for name in paths}
    for i in range(count):
        body = request_body(size, i)
        for name, path in paths.items():
            started = time.perf_counter()
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            times[name].append((time.perf_counter() - started) * 1e3)
            assert answer.status == 200, content[:300]
    return {name: values[count // 10 :] for name, values in times.items()}


def request_body(size: int, salt: int) -> bytes:
    """Ordinary journeys of ten scans, about one item in twenty out of order."""
    records = json.loads((DEMO / "sample.json").read_text(encoding="utf-8"))["data"]
    epcs = pl.DataFrame(records).group_by("epc_code", maintain_order=True).len()
    journey = [r for r in records if r["epc_code"] == epcs.filter(pl.col("len") == 10)[-1, 0]]
    made = []
    for i in range(size):
        item, step = divmod(i, 10)
        turned = item % 20 == 19 and step in (5, 6)
        record = journey[11 - step if turned else step] | {
            "event_time": journey[step]["event_time"]
        }
        serial = (salt * 1000 + item) % 10**9
        made.append(
            record
            | {"event_id": i, "epc_code": f"{record['epc_code'][:36]}{serial:09d}", "file_id": 1}
        )
    return json.dumps({"data": made}).encode()


def page(whole: dict[str, list[dict[str, Any]]], calls: dict[int, dict[str, list[float]]]) -> str:
    """The results as Markdown."""
    floor = median(whole["floor"], "cpu_s")
    rows = whole["floor"][0]["rows"]
    names = {
        "floor": "Polars alone reads the file, all columns",
        "five-rules": "read, order, judge by the five rules",
        "everything": "seven rules, statistics, report, output file",
        "models": "the same with LSTM and one-class SVM",
    }
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench`. Machine: {machine()}; Python {platform.python_version()}, "
        f"Polars {pl.__version__}. Absolute times vary with the machine and its load; the ratios, "
        "measured side by side in one run, are what to compare.",
        "",
        f"## A whole log: {rows:,} simulated events",
        "",
        f"Median of {ROUNDS} runs, each in a process of its own; CPU seconds after imports, user "
        "and system, all threads; in brackets the lowest and highest.",
        "",
        "| task | CPU s | × floor | wall s | peak MB |",
        "|---|---|---|---|---|",
    ]
    for task in TASKS:
        cpus = [run["cpu_s"] for run in whole[task]]
        cpu = statistics.median(cpus)
        lines.append(
            f"| {names[task]} | {cpu:.2f} ({min(cpus):.2f}-{max(cpus):.2f}) | {cpu / floor:.2f} "
            f"| {median(whole[task], 'wall_s'):.2f} | {median(whole[task], 'peak_mb'):.0f} |"
        )
    lines += ["", "Where the CPU time goes (median seconds by stage):", ""]
    stages = [name for name in whole["everything"][0]["stages"] if name != "end"]
    lines += ["| task | " + " | ".join(stages) + " |", "|---|" + "---|" * len(stages)]
    for task in TASKS[1:]:
        cells = [
            f"{statistics.median(run['stages'].get(stage, 0) for run in whole[task]):.2f}"
            for stage in stages
        ]
        lines.append(f"| {names[task]} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "## The API: rules, one process, one connection",
        "",
        "The echo is an endpoint of the same server that parses the same body and answers it "
        "again. About one item in twenty is suspect.",
        "",
        "| records | echo p50 ms | rules p50 ms | p99 ms | × echo | with models p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for size, times in calls.items():
        echo, detect = (statistics.median(times[name]) for name in ("echo", "detect"))
        p99 = statistics.quantiles(times["detect"], n=100)[98]
        models = statistics.median(times["models"])
        models99 = statistics.quantiles(times["models"], n=100)[98]
        lines.append(
            f"| {size:,} | {echo:.2f} | {detect:.2f} | {p99:.2f} | {detect / echo:.1f} "
            f"| {models:.2f} | {models99:.2f} |"
        )
    return "\n".join(lines) + "\n"


def stages_page(stages: dict[int, dict[str, float]]) -> str:
    """Where a request's time goes, as Markdown."""
    names = list(stages[1])
    lines = [
        "",
        "## Where a request's time goes",
        "",
        "The same requests in process, without HTTP: median CPU time by stage in milliseconds. "
        "What the API takes beyond that is HTTP, routing and the validation of parameters.",
        "",
        "| records | " + " | ".join(names) + " | all |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for size, spent in stages.items():
        cells = [f"{spent[name] / 1e3:.2f}" for name in names]
        lines.append(f"| {size:,} | {' | '.join(cells)} | {sum(spent.values()) / 1e3:.2f} |")
    return "\n".join(lines) + "\n"


def models_page(whole: dict[str, list[dict[str, Any]]]) -> str:
    """What learned detectors cost, as Markdown."""
    done = subprocess.run(
        [sys.executable, str(HERE / "models.py")], capture_output=True, check=True, text=True
    )
    cost = json.loads(done.stdout)
    rules, models = (median(whole[task], "cpu_s") for task in ("everything", "models"))
    rows, wall = whole["models"][0]["rows"], median(whole["models"], "wall_s")
    journey, rss, start = cost["journey_ms"], cost["rss_mb"], cost["start_s"]
    return "\n".join(
        [
            "",
            "## What learned detectors cost",
            "",
            f"- The whole log, reading and writing included: {rows / wall:,.0f} scans a second of "
            f"wall time, {models / rules:.1f} times the CPU time of the rules.",
            f"- One journey of ten scans in process: {journey['all']:.1f} ms with all detectors, "
            f"{journey['rules']:.1f} ms with rules alone (medians, a different journey each time).",
            f"- The network alone: {cost['scans_per_cpu_s']:,.0f} scans per CPU second, which is "
            f"{cost['share_of_product']:.0%} of the operations that this CPU's own float32 matrix "
            "product reaches.",
            f"- Memory of a serving process after its first verdict: {rss['demo']:.0f} MB with "
            f"models, {rss['none']:.0f} MB without.",
            f"- From start to the first verdict: {start['demo']:.1f} s with models, "
            f"{start['none']:.1f} s without.",
            "",
        ]
    )


def median(runs: list[dict[str, Any]], name: str) -> float:
    """The median of one figure over runs."""
    return statistics.median(run[name] for run in runs)


def machine() -> str:
    """Processor and cores, as far as the system tells."""
    try:
        models = [
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
    except OSError:
        models = []
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
