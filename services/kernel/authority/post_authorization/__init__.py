"""Post authorization: whether one post may go out now, judged at the last hop, in code of its own.

The gate decides by its policy; this package looks at the same facts once more and shares no code with it, so
that one mistake in either is not enough to publish. The posting worker asks just before the platform call,
the audit for each attempt on record. ``post_violations`` is pure: no clock, no I/O; an empty answer means that
it may be posted. The codes begin with ``warrant.``, the word of the ledgers that stand already.

Source: HUM.11(A) section 2(i)-(iv), section 1 Oversight (iii) and Transparency (i), section 3(iv)(c);
docs/architecture.md, "Invariants" 1 to 3 and 8.
"""

from services.kernel.authority.post_authorization.checks import EXPIRED, post_violations
from services.kernel.authority.post_authorization.content import content_of, rendering_for
from services.kernel.authority.post_authorization.facts import PostFacts, PostViolation
from services.kernel.authority.post_authorization.signatures import (
    CRISIS_SIGNERS,
    EOC_SIGNERS,
    ROUTINE_SIGNERS,
    counting_roles,
)

__all__ = [
    "CRISIS_SIGNERS",
    "EOC_SIGNERS",
    "EXPIRED",
    "ROUTINE_SIGNERS",
    "PostFacts",
    "PostViolation",
    "content_of",
    "counting_roles",
    "post_violations",
    "rendering_for",
]
