"""Board: folds the ledger, hears heartbeats, decides nothing, answers the desk and tells people each entry.

Answers come from the fold; only a request that is over, and dead letters, are read from the broker.
"""
