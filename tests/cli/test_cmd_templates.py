"""Publishing a wording that was agreed on beforehand."""

from __future__ import annotations

import uuid

from tests.cli.conftest import Shell
from tests.cli.messages import FIRE, LINK

AS = ("--as", "fire-publisher", "--yes")


def test_templates_are_listed_and_shown(city: Shell) -> None:
    rows = city.json("template", "list")
    assert rows.status == 0
    assert {"evacuation-alert", "boil-water", "all-clear"} <= {row["name"] for row in rows.body}
    assert "evacuation-order" in city("template", "list").out
    told = city("template", "show", "evacuation-alert")
    assert "Evacuation alert for {area}" in told.out
    assert "onevoice publish --template evacuation-alert" in told.out
    assert city.json("template", "show", "no-such").code == "template.unknown"
    assert city.json("template", "install").body == {"made": []}


def test_a_template_is_published_as_it_renders(city: Shell) -> None:
    where = f"Hatzic {uuid.uuid4().hex[:8]}"
    fields = [f"--set={field}" for field in (f"event=flood watch in {where}", f"area={where}", "contact=city hall")]
    done = city.json("publish", "--template", "all-clear", *fields, *FIRE, "--link", LINK, *AS)
    assert done.status == 0, done
    shown = city.json("show", done.body["request_id"])
    assert shown.body["text"].startswith(f"The flood watch in {where} in {where} is over.")
    assert shown.body["severity"] == "minor"
    locked = city.json("publish", "Another text", "--template", "all-clear", *fields, *FIRE, *AS)
    assert (locked.status, locked.code) == (2, "template.locked")
    lacking = city.json("request", "--template", "all-clear", *FIRE, "--as", "clerk")
    assert (lacking.status, lacking.code) == (2, "template.missing")
    assert "event, area, contact" in lacking.body["error"]["message"]
