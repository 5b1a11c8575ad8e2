"""Real scans: the known order errors are all found, and ordinary journeys stay silent."""

import polars as pl

from scantrail.settings import Settings
from scantrail.wiring import Engine, network_at, read_events


def judged(shared, log):
    source = shared / "data" / "source"
    settings = Settings(sites=str(source / "locations_58.csv"))
    engine = Engine(settings, network_at(source / "locations_58.csv"))
    events = read_events(source / log, settings, engine.network.sites)
    assert len(events.rejects) == 0
    return engine.judge(events).verdicts


def test_all_six_hundred_known_order_errors_are_found(shared):
    verdicts = judged(shared, "real_order_errors_1200rows.tsv")
    items = verdicts.group_by("epc_code").agg(pl.col("evtOrderErrScore").max())
    assert len(items) == 600
    assert (items["evtOrderErrScore"] >= 70).all()
    assert set(verdicts.filter("anomaly")["kind"]) == {"evtOrderErr"}


def test_ordinary_journeys_score_nothing(shared):
    verdicts = judged(shared, "sample_14rows.tsv")
    assert len(verdicts) == 13
    assert not verdicts["anomaly"].any()
