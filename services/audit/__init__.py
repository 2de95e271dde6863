"""The audit service: keeps the second copy of the record, hashed and sealed.

Consumes ``ledger.>`` (durable ``audit-copy``) in batches; each entry is on disk here before it is acknowledged.
Decides nothing; checks that the ledger never tells the same sequence twice in different words.
Publishes ``ledger.seal``, a signed checkpoint over the copy, now and then, and ``audit.standing``: whether the ledger
is still what the copy holds.

``record`` is the copy's files, ``proof`` the offline verification of them; the modules beside them are the service.
"""
