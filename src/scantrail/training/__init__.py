"""Learning from a log; the one part, besides the network itself, that needs torch."""
