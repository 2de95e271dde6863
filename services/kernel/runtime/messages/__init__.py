"""Messages in and out: the bus and NATS behind it, retries, dead letters."""
