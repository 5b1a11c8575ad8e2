"""Two versions in use at once: who judges which item, and what that teaches, at any time."""
