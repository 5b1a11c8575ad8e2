"""A labelled supply chain with ordinary noise, in the source's raw form, for demos and tests."""

from scantrail.simulate.config import DEFAULT_MIX, Noise, SimulationConfig
from scantrail.simulate.making import simulate
from scantrail.simulate.network import demo_sites
from scantrail.simulate.writing import Simulation, write

__all__ = [
    "DEFAULT_MIX",
    "Noise",
    "Simulation",
    "SimulationConfig",
    "demo_sites",
    "simulate",
    "write",
]
