"""A year in the life of a model, played on a service of its own: `scantrail lifecycle demo`."""
