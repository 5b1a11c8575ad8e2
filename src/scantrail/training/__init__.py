"""Learning from a log: needs the extra `train`, which scoring does without."""
