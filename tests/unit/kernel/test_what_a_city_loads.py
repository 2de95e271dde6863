"""What an idle city keeps in memory."""

from __future__ import annotations

import subprocess
import sys

PARTS = ("services.desk.city.up", "services.web.wiring", "services.fanout.wiring", "services.audit.wiring")
SELDOM = ("fido2", "cryptography")
"""What is needed where somebody signs by a passkey, makes one or is woken: thirteen megabytes."""


def test_a_city_that_rests_has_not_loaded_what_is_seldom_needed() -> None:
    code = f"import sys, {', '.join(PARTS)}; print(*({set(SELDOM)} & set(sys.modules)))"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [], "loaded at the start"
