"""The policy as a pure function: facts in, decision out. No clock, no I/O, no log.

``facts`` holds what is looked at, ``authority`` whose word counts, ``approvals`` weighs the signed statements,
``clauses`` holds one file per clause, ``rules`` is their table, and ``decide`` is the engine.
"""
