"""One file per clause of the policy or setting of the city. Each has ``CLAUSE`` and ``judge(facts, weighed)``.

``judge`` is pure, and returns a finding, several, or None where the clause has nothing to say. docs/policy.md has a
section for each, and tests/unit/gatekeeper a test file.
"""
