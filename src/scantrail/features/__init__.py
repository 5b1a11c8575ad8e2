"""Features: named Polars expressions over linked journeys, one function each."""
