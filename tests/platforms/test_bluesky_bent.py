"""What the Bluesky connector makes of a real server's answers, bent in one place."""

from __future__ import annotations

from tests.integration.connectors.test_bent_answers import (
    test_a_look_at_what_cannot_be_read_ends_with_a_value as test_a_look_at_what_cannot_be_read_ends_with_a_value,
)
from tests.integration.connectors.test_bent_answers import (
    test_what_stands_is_never_called_refused as test_what_stands_is_never_called_refused,
)
