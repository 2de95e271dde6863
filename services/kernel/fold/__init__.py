"""The ledger folded into what services decide from. Pure: entries in, state out."""
