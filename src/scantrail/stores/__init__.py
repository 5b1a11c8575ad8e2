"""Where past detections are kept."""
