"""Is today like the days that were learned from? Drift, alert rates, feeds, feedback, alerts."""
