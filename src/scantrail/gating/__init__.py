"""Measuring a candidate against the champion, for the gate before a promotion."""

from scantrail.gating.run import gate_on

__all__ = ["gate_on"]
