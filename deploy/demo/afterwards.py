"""The scenes after a message is out: a correction and a recall, on exactly the profiles that got it."""

from __future__ import annotations

from deploy.demo.stage import Answer, SceneError
from deploy.demo.telling import SITE, Memory, Told, expect, landed_on, shown


def corrected(memory: Memory) -> Told:
    """The PIO corrects the emergency update: a reply under each post, in order behind it."""
    text = f"Highway 7 is open to local traffic. The next update is at 16:00, not 15:00. {SITE}/alerts"
    answer = memory.stage.command("correct", memory.update, text, "--as", "pio", "--yes")
    expect(answer, 0)
    landed_on(answer, memory.departmental())
    return Told("The PIO corrects the update", shown(answer), _where(answer, "correction"))


def recalled(memory: Memory) -> Told:
    """The PIO takes the CAO's message back: deleted where it can be, marked on the website."""
    answer = memory.stage.command("recall", memory.cao_request, "--as", "pio", "--acknowledge", "--yes")
    expect(answer, 0)
    rows = answer.body["deliveries"]
    done = {row["profile"] for row in rows if row["outcome"] in ("recalled", "delivered")}
    if done != memory.departmental():
        raise SceneError(f"taken back on {sorted(done)}, expected {sorted(memory.departmental())}")
    taken = sum(row["outcome"] == "recalled" for row in rows)
    told = [f"{taken} posts deleted; {len(rows) - taken} website pages say that it was withdrawn"]
    return Told("City Hall stays open: the PIO recalls the message", shown(answer), told)


def _where(answer: Answer, what: str) -> list[str]:
    rows = answer.body["deliveries"]
    return [
        f"cleared; the {what} is on {len(rows)} profiles",
        *(f"{one['profile']}: {one['url']}" for one in rows[:2]),
    ]
