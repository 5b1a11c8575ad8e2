"""One small file a rule: its score, its reason, its runbook, cases that fire and stay silent."""
