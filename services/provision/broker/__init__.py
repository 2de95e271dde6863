"""The broker: the embedded nats-server, connections to it, its streams, and a ledger put back into it."""
