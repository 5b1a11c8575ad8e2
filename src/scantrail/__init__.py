"""scantrail reads scan trails and says which scans are suspect, how sure it is, and why."""

import os

# Products here are small: threads of their own would spin more than they compute.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
