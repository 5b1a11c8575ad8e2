"""How quiet small logs are: `python experiments/drift/small.py [--seeds 961 981]`.

600 items made a week, four weeks of baseline, an ordinary fortnight, judged by rules alone. About
five seconds of processor time per seed.
"""

from __future__ import annotations

import argparse
import datetime as dt

import polars as pl

from scantrail import wiring
from scantrail.monitoring.baseline import learn_baseline
from scantrail.monitoring.observe import observe
from scantrail.monitoring.watch import WatchSettings, neighbours, play
from scantrail.settings import read_settings
from scantrail.simulate.stream import StreamConfig, steady
from scantrail.vocabulary.events import RawLog

WEEKS, ITEMS, WARM_UP, BATCH = 6, 600, 8, 20
FIRST, SINCE = dt.datetime(2025, 3, 3), dt.datetime(2025, 3, 31)  # noqa: DTZ001  by the sites' clock
COLUMNS = ("file_id", "epc_code", "location_id", "scan_location", "business_step", "event_type")


def main() -> None:
    """Watch an ordinary fortnight of each seed and say how many were not quiet."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", type=int, nargs=2, default=(961, 981))
    seeds = range(*asked.parse_args().seeds)
    engine = wiring.engine(read_settings({}, artifacts="none"))
    loud, alarmed = 0, 0
    for seed in seeds:
        signals, starts = watched(engine, seed)
        loud, alarmed = loud + bool(signals), alarmed + bool(starts)
        print(seed, signals, starts, flush=True)
    print(f"{len(seeds)} fortnights: {loud} with a signal, {alarmed} with an alarm")


def watched(engine: wiring.Engine, seed: int) -> tuple[list[str], list[str]]:
    """What was found on eight midnights: keys of signals, and of alerts that started."""
    stream = steady(StreamConfig(WEEKS, ITEMS, seed, warm_up=WARM_UP, batch=BATCH))
    stream = stream.filter(pl.col("uploaded") >= FIRST)
    time = stream["at"].dt.strftime("%Y-%m-%d %H:%M:%S").alias("event_time")
    raw = stream.select(COLUMNS).with_columns(time).cast(pl.String).with_row_index("line")
    events = engine.understand(RawLog(raw))
    seen = observe(events, engine.judge(events), engine.network)
    usual = learn_baseline(seen.filter(pl.col("seen") < SINCE))
    later, times = (
        seen.filter(pl.col("seen") >= SINCE),
        [SINCE + dt.timedelta(n) for n in range(7, 15)],
    )
    days = list(play(usual, later, times, WatchSettings(), neighbours(engine.network)))
    starts = [one.alert.key for day in days for one in day.notices if one.what == "start"]
    return sorted({one.key for day in days for one in day.signals}), starts


if __name__ == "__main__":
    main()
