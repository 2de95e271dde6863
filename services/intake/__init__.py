"""Intake: serves what people and systems submit at the desk, publishes requests and approvals to the ledger.

It checks (``text``, ``identity``, ``submission``), renders for each platform (``rendering``, ``splitting``), screens
(``screening``, ``personal``, ``profanity``), takes pictures (``media``) and officers' signed decisions
(``approval``). It decides nothing about the policy: the gatekeeper does.
"""
