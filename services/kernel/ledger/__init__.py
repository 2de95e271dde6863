"""The ledger as services use it: the client, entries, batches, and whether it still tells the same story."""
