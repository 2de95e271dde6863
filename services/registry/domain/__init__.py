"""What the registry decides: whether a manifest may begin the ledger. Pure."""
