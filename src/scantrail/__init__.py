"""scantrail reads scan trails and says which scans are suspect, how sure it is, and why."""
