"""The record: the second copy's files, in their one form, with the Merkle tree and the signed checkpoints over them.

``format`` is one entry as one line; ``reader`` reads the files and checks form, order and checkpoints; ``writer`` adds
to them. What the entries say is not looked at here: that is the proof (services.audit.proof).
"""
