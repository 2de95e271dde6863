"""Fan-out: consumes verdicts, queues a delivery per profile, posts each once, writes the receipt.

Consumes ``ledger.verdict.*`` and each profile's deliveries; decides what is still to be posted (``plan``) and
whether it may be posted now (``services.kernel.warrant``); publishes deliveries, attempts and receipts.
"""
