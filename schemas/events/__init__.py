"""The events of the ledger and the messages of the desk, a module for each noun."""
