"""The words that every other part speaks: events, the chain's stages, findings, protocols."""
