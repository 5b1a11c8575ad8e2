"""Versions of what is learned from: content-addressed, immutable, with their history."""
