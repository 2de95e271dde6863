"""``onevoice doctor``."""

from __future__ import annotations

from dataclasses import asdict, replace

from services.desk import options
from services.desk.app import Invocation, command, group
from services.desk.city import checks
from services.desk.views.hints import typed
from services.desk.views.state import city as shown
from services.desk.views.state import health
from services.desk.views.state.health import Level, Line
from services.kernel.base.errors import Exit

app = group("Check that everything is well.")


@command(app, "doctor", "onevoice doctor --city mission")
async def doctor(desk: Invocation, as_: options.LooksAs = None) -> int:
    """Check that everything is well, and say how to fix what is not.

    Exit status 7 when the ledger contradicts its second copy or the record did not verify, 6 when the broker or a
    service cannot be reached, 2 when something else has to be fixed.
    """
    city = desk.city()
    lines = [Line("city folder", Level.OK, f"{city.settings.city.name}, realm {city.realm}, {city.folder}")]
    lines += [*checks.local(city), *await checks.remote(desk, city, as_)]
    lines = [replace(line, detail=typed(line.detail), hint=typed(line.hint)) for line in lines]
    status = health.exit_status(lines)
    found = {"ok": status is Exit.DONE, "checks": [asdict(line) for line in lines]}
    desk.answer(found, lambda out: shown.checks(out, lines))
    return status
