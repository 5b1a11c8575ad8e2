"""Scans are judged with all that is known of their items, and what was said before is amended."""
