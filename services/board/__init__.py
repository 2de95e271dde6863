"""Board: consumes the ledger and heartbeats, decides nothing, answers the desk and broadcasts to people.

Each answer is read from the ledger when it is asked for, so that the board keeps no state that could be stale.
"""
