"""Fan-out: consumes verdicts, brings what is cleared to each profile once, writes the receipts.

Consumes ``ledger.verdict.*`` and ``ledger.resolution.*.*``; decides what is next on each profile (``domain.step``),
whether it may be posted now (``authority.post_authorization``) and what a person's word on an unconfirmed post does
(``domain.resolution``); publishes attempts, receipts and resolutions; answers ``desk.delivery.resolve``. Watches
the profiles for posts that did not come through the gate (``watching``), and answers ``desk.outside.acknowledge``.
"""
