"""Simulations that many tests look at; each is made once."""

import polars as pl
import pytest

from scantrail.simulate import Noise, Simulation, SimulationConfig, simulate


@pytest.fixture(scope="session")
def labelled() -> Simulation:
    return simulate(SimulationConfig(epcs=20_000, seed=7))


@pytest.fixture(scope="session")
def noisy() -> Simulation:
    """Ordinary noise, no anomaly."""
    return simulate(SimulationConfig(epcs=20_000, seed=7, anomaly_rate=0))


@pytest.fixture(scope="session")
def silent() -> Simulation:
    """Neither noise nor anomaly."""
    return simulate(SimulationConfig(epcs=20_000, seed=7, anomaly_rate=0, noise=Noise.none()))


def trail(simulation: Simulation) -> pl.DataFrame:
    """The scans in time order per code, with time, place, tier, kind and what came before."""
    sites = simulation.sites.select(
        "location_id", "tier", "opens", "closes", lat="Latitude", lon="Longitude"
    )
    here = ("location_id", "event_type", "time", "lat", "lon")
    return (
        simulation.scans.with_columns(
            pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S").alias("time")
        )
        .join(sites, on="location_id", how="left", maintain_order="left")
        .join(simulation.labels.drop("epc_code"), on="event_id", how="left", maintain_order="left")
        .sort("epc_code", "time", "event_id")
        .with_columns(pl.col(c).shift().over("epc_code").alias(f"before_{c}") for c in here)
        .with_columns(km=_km(), hours=(pl.col("time") - pl.col("before_time")).dt.total_seconds())
        .with_columns(pl.col("hours") / 3600)
    )


def _km() -> pl.Expr:
    lat, lon, lat0, lon0 = (pl.col(c).radians() for c in ("lat", "lon", "before_lat", "before_lon"))
    half = ((lat - lat0) / 2).sin().pow(2) + lat.cos() * lat0.cos() * ((lon - lon0) / 2).sin().pow(
        2
    )
    return 2 * 6371.0 * half.clip(0, 1).sqrt().arcsin()


@pytest.fixture(scope="session")
def labelled_trail(labelled: Simulation) -> pl.DataFrame:
    return trail(labelled)


@pytest.fixture(scope="session")
def noisy_trail(noisy: Simulation) -> pl.DataFrame:
    return trail(noisy)


@pytest.fixture(scope="session")
def silent_trail(silent: Simulation) -> pl.DataFrame:
    return trail(silent)
