"""The city on this machine: running it, checking its ledger before a start, restoring it."""
