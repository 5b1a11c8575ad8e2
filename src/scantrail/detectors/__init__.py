"""Detectors: each judges journeys by itself and knows of no other."""
