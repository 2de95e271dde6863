"""Fan-out: consumes verdicts, queues a delivery per profile, posts each once, writes the receipt.

Consumes ``ledger.verdict.*``, each profile's deliveries and ``ledger.resolution.*.*``; decides what is still to be
posted (``plan``), whether it may be posted now (``services.kernel.warrant``) and what a person's word on an unconfirmed
post does (``resolution``); publishes deliveries, attempts, receipts and resolutions; answers ``desk.delivery.resolve``.
"""
