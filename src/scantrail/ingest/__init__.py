"""Readers: files of any known format in, events and rejects out."""
