"""What services know of the ledger: each folds it in order, in memory, and decides from that."""
