import datetime as dt

import numpy as np
import polars as pl
import pytest

from scantrail.monitoring.baseline import learn_baseline
from scantrail.monitoring.observe import OBSERVED

MONDAY = dt.date(2025, 3, 3)


def observed_days(first_week, weeks, seed=0, per_batch=10):
    """What three sites scan in whole weeks, Monday to Saturday: batches at once, mostly honest."""
    rng = np.random.default_rng(seed)
    parts = []
    for number in range(7 * first_week, 7 * (first_week + weeks)):
        day = MONDAY + dt.timedelta(days=number)
        if day.weekday() == 6:
            continue
        for site in ("1", "2", "3"):
            batches = rng.poisson(12) + 6
            hour = rng.integers(8, 18, batches).repeat(per_batch)
            n = len(hour)
            when = pl.Series(hour * 3600 + rng.integers(0, 3600, batches).repeat(per_batch))
            seen = pl.Series([dt.datetime.combine(day, dt.time())] * n) + pl.duration(seconds=when)
            parts.append(
                pl.select(
                    seen=seen, scanned=seen, feed=pl.lit(site), site=pl.lit(site),
                    epc_code=pl.Series([f"{day}.{site}.{i}" for i in range(n)]),
                    rejected=pl.Series(np.where(rng.random(n) < 0.01, "rejected", "read")),
                    product=pl.Series(rng.choice(["A", "B", "C"], batches).repeat(per_batch)),
                    step=pl.Series(rng.choice(["in", "out"], batches).repeat(per_batch)),
                    came_from=pl.lit("0"), hour=pl.Series(hour).cast(pl.Float64),
                    travel=pl.Series(rng.lognormal(1, 0.4, batches).repeat(per_batch)),
                    delay=pl.Series(np.where(rng.random(n) < 0.01, 20.0, 0.0)),
                    together=pl.lit(float(per_batch)),
                    alert=pl.Series(rng.random(n) < 0.01),
                    finalConfidence=pl.Series(rng.exponential(10, n).clip(0, 100)),
                )
            )  # fmt: skip
    frame = pl.concat(parts)
    frame = frame.with_columns(
        day=pl.col("seen").dt.date(),
        kind=pl.when("alert").then(pl.lit("jump")).otherwise(pl.lit("none")),
        stay=None,
        distance=pl.lit(50.0),
    )
    return frame.select(
        *(pl.col(name).cast(dtype) for name, dtype in OBSERVED.items()), "finalConfidence"
    ).sort("seen")


@pytest.fixture(scope="session")
def days():
    return observed_days


@pytest.fixture(scope="session")
def usual():
    return observed_days(0, 8)


@pytest.fixture(scope="session")
def baseline(usual):
    return learn_baseline(usual, {"rules": "1"})


@pytest.fixture(scope="session")
def week():
    return observed_days(8, 1, seed=5)


@pytest.fixture(scope="session")
def now():
    return dt.datetime.combine(MONDAY + dt.timedelta(weeks=9), dt.time())
