"""Learned sequence models: an LSTM that predicts each next event, and counts beside it."""
