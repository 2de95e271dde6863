"""What runs a service: start and stop, messages in and out, dead letters, the watch over the ledger."""
