"""``python -m services.desk`` is ``onevoice``."""

from __future__ import annotations

from services.desk.main import main

main()
