"""Board: consumes heartbeats and folds the ledger; decides nothing; answers the desk and broadcasts each entry.

Answers come from the fold; only a request that is over, and dead letters, are read from the broker.
"""
