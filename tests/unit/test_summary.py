"""What a person reads on the terminal, line by line."""

import re

import polars as pl
import pytest

from scantrail import pipeline, summary
from scantrail.detectors.catalog import RULES
from scantrail.detectors.rule_set import RuleSet
from scantrail.lanes import LANES, Network
from scantrail.simulate import Simulation, SimulationConfig
from scantrail.testing import SETTINGS, Lane, events, network, sites
from scantrail.vocabulary.events import REJECTS, Events, empty_rejects

CODE = "001.8804823.1293291.010004.20250701.000004002"
OUT = ("2025-07-02 20:00:00", 4, "W_Stock_Outbound", "W_Stock_Outbound")
IN = ("2025-07-02 21:00:00", 4, "W_Stock_Inbound", "W_Stock_Inbound")


@pytest.fixture
def shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")

    def of(scans, *, rejects=None, detectors=None, lanes="", written=(), codes=CODE):
        chain = network(speed_limit_kmh=80)
        table = empty_rejects() if rejects is None else pl.DataFrame(rejects, schema=REJECTS)
        given = Events(events(scans, codes), table, "log.csv")
        judges = [RuleSet(RULES, SETTINGS, chain)] if detectors is None else detectors
        report = pipeline.judge(given, chain, judges)
        summary.show(report, given, chain, written, 1.24, lanes)
        return squeezed(capsys.readouterr().out)

    return of


def squeezed(text):
    """Without the columns' padding and without blank lines."""
    lines = (re.sub(r"(?<=\S) {2,}", "  ", line).rstrip() for line in text.splitlines())
    lines = (line.removeprefix(" ") if line[:2].strip() else line for line in lines)
    return "\n".join(line for line in lines if line) + "\n"


def reject(line, reason="the time can't be read", value="never", column="event_time"):
    return {"file": "log.csv", "line": line, "reason": reason, "column": column, "value": value,
            "fix": "write a real date"}  # fmt: skip


def test_a_suspect_log_from_the_first_line_to_the_last(shown, tmp_path):
    told = shown([OUT, IN], rejects=[reject(4)], lanes="network/", written=[tmp_path / "v.csv"])
    assert re.sub("─+", "──", told) == (
        "2 events of 1 EPC in log.csv, 1 row rejected, judged in 1.2 s\n"
        "1 suspect event (50.0 %) on 1 EPC\n"
        "kind  events  EPCs  highest  severity\n"
        "──\n"
        "evtOrderErr  1  1  70  HIGH\n"
        "likeliest causes: data 1\n"
        "worst sites  suspect  events  share  mostly\n"
        "──\n"
        "Cedar Wholesale  1  2  50.0 %  evtOrderErr\n"
        "highest\n"
        f"   70  event 2, {CODE}\n"
        "       suspect evtOrderErr: came in at Cedar Wholesale (2025-07-02 21:00:00) after it had "
        "gone out\n"
        "       there (2025-07-02 20:00:00), without coming in before\n"
        "       likeliest cause: data. Look whether many items share the two times: then a file was "
        "stamped\n"
        "       wrongly, or the site's clocks differ; correct the times at the source. A single item: "
        "check\n"
        "       its parcel.\n"
        "1 row rejected\n"
        "    1  the time can't be read\n"
        "       at log.csv:4, column event_time 'never'\n"
        "       to mend it: write a real date\n"
        "measured against 8 sites, 0 lanes, usual speeds up to 80 km/h (network/)\n"
        f"wrote {tmp_path / 'v.csv'}\n"
    )


def test_a_clean_log_and_an_empty_one(shown):
    assert shown([IN]).splitlines()[:2] == [
        "1 event of 1 EPC in log.csv, no row rejected, judged in 1.2 s", "Nothing suspect found."
    ]  # fmt: skip
    assert shown([]).splitlines()[:2] == [
        "0 events of 0 EPCs in log.csv, no row rejected, judged in 1.2 s",
        "There was no event to judge.",
    ]


def test_the_commonest_reasons_come_first_and_the_others_are_counted(shown):
    rejects = [reject(2, "a"), reject(3, "b"), reject(4, "b"), reject(5, "c"), reject(6, "d")]
    told = shown([IN], rejects=rejects)
    assert "5 rows rejected\n    2  b\n       first at log.csv:3, column event_time 'never'" in told
    assert "       and 1 other reason\n" in told
    assert "and 2 other reasons" in shown([IN], rejects=[*rejects, reject(7, "e")])


def test_a_reject_without_line_column_or_value_is_told_as_it_is(shown):
    told = shown([IN], rejects=[reject(None, value=None, column=None)])
    assert "       at log.csv\n" in told


def test_foreign_text_can_neither_colour_nor_move_the_cursor(shown):
    bad = "[red]x[/]\x1b[2J" + "y" * 100
    told = shown([IN], rejects=[reject(2, value=bad)], codes="\x1b[31m[bold]evil[/bold]")
    assert "\x1b" not in told
    assert "'[red]x[/]·[2J" + "y" * 46 + "…'" in told
    assert "·[31m[bold]evil[/bold]" in told


def test_a_detector_that_failed_is_named(shown):
    class Broken:
        name, version, columns = "broken", "1", ("brokenScore",)

        def judge(self, _seen):
            raise RuntimeError("on purpose")

    told = shown([IN], detectors=[Broken()])
    assert "degraded: broken did not answer" in told
    assert "Nothing could be judged.\n" in told


def test_doubts_are_counted_by_kind(shown):
    told = shown([("2025-07-02 10:00:00", 4, "W_Stock_Inbound", None), (IN[0], 99, *IN[2:])])
    assert "flagged: site unknown 1, type inferred 1\n" in told


def test_the_worst_lane_is_the_way_into_the_suspect_scan(shown):
    told = shown([("2025-07-02 10:00:00", 3, "Logistics_HUB", "HUB_Outbound"),
                  ("2025-07-02 10:10:00", 7, "W_Stock_Inbound", "W_Stock_Inbound")])  # fmt: skip
    assert "Birch Hub → Dogwood Wholesale  1  1  100.0 %  jump" in told


@pytest.mark.parametrize(
    ("lanes", "said"),
    [
        ([Lane(3, 4, trips=1200), Lane(3, 7, hours=None)],
         ["Birch Hub → Cedar Wholesale  1,200  8.0", "Birch Hub → Dogwood Wholesale  100  –"]),
        ([], ["No item was seen going from one listed site to another."]),
    ],
)  # fmt: skip
def test_what_was_learned(capsys, monkeypatch, tmp_path, lanes, said):
    monkeypatch.setenv("COLUMNS", "100")
    table = pl.DataFrame(lanes, schema=LANES, orient="row")
    learned = Network(sites(), lanes=table, speed_limit_kmh=83.4 if lanes else None)
    summary.show_network(learned, Events(events([IN]), source="log.csv"), tmp_path)
    told = squeezed(capsys.readouterr().out)
    count = f"{len(lanes)} lane{'s' * (len(lanes) != 1)}"
    assert told.startswith(f"8 sites, {count} learned from 1 event in log.csv, no row rejected\n")
    for line in said:
        assert line in told
    assert ("99.9 % of usual trips are slower than 83.4 km/h\n" in told) == bool(lanes)
    assert told.endswith(f"wrote {tmp_path}; use it as --sites\n")


def test_what_was_simulated(capsys, tmp_path):
    scans = pl.DataFrame({"epc_code": ["A", "A", "B"]})
    rows = [(1, "A", "jump", True), (2, "B", "diversion", False), (3, "B", "diversion", False)]
    labels = pl.DataFrame(
        rows, schema=["event_id", "epc_code", "kind", "rule_visible"], orient="row"
    )
    made = Simulation(SimulationConfig(epcs=2), scans, sites().table, labels)
    summary.show_simulation(made, {"scans": tmp_path / "scans.tsv"}, 0.31)
    told = squeezed(capsys.readouterr().out)
    assert told.startswith("3 events of 2 EPCs simulated in 0.3 s, 2 EPCs with a planted anomaly\n")
    assert "jump  1  1  rules\n" in told
    assert "diversion  1  2  learning\n" in told
    assert told.endswith(f"wrote {tmp_path / 'scans.tsv'}\n")


def test_a_simulation_without_anomalies_has_no_table(capsys):
    labels = pl.DataFrame(schema={"epc_code": pl.String, "kind": pl.String})
    summary.show_simulation(
        Simulation(
            SimulationConfig(epcs=2), pl.DataFrame({"epc_code": ["A"]}), sites().table, labels
        ),
        {},
        0.1,
    )
    assert capsys.readouterr().out == (
        "1 event of 1 EPC simulated in 0.1 s, 0 EPCs with a planted anomaly\n"
    )
