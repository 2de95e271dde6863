"""Intake: consumes what people and systems submit at the desk, decides what goes on record, publishes it to the ledger.

It checks and identifies submissions, renders them for each platform, screens them, cleans pictures, and checks what
officers sign. It decides nothing about the policy: the gatekeeper does.
"""
