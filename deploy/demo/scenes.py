"""The scenes: who does what, and what each must come to. A scene that comes to something else stops the story."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

from deploy.demo.afterwards import corrected, recalled
from deploy.demo.stage import SceneError
from deploy.demo.telling import (
    INCIDENT,
    PATIENCE,
    SITE,
    Memory,
    Scene,
    Told,
    blocked_by,
    deliveries,
    expect,
    landed_on,
    reasons,
    refusal,
    same,
    shown,
    to,
)


def routine(memory: Memory) -> Told:
    """Begin in routine posture, whatever an earlier story left."""
    stage = memory.stage
    status, listed = stage.at_once(("eoc", "status"), ("profiles", "list"))
    expect(status, 0)
    if status.body["posture"] in ("eoc_active", "eoc_activating"):
        expect(stage.command("eoc", "stand-down", "--as", "eoc-director"), 0)
        status = stage.command("eoc", "status")
    elif status.body["posture"] == "crisis":
        expect(stage.command("crisis", "end", "--as", "pio"), 0)
        status = stage.command("eoc", "status")
    same("posture", status.body["posture"], "routine")
    expect(listed, 0)
    memory.profiles = listed.body if isinstance(listed.body, list) else listed.body["profiles"]
    count = len(memory.departmental())
    return Told("An ordinary day", "onevoice eoc status", [f"posture routine, {count} departmental profiles"])


def own_profile(memory: Memory) -> Told:
    """A departmental publisher posts to its own profiles and is cleared (section 1, Oversight (iii))."""
    targets = memory.of("fire")
    words = ["publish", f"Hall 1 open house on Saturday, 10 to 2. {SITE}/fire", "--as", "fire-publisher", "--routine"]
    answer = memory.stage.command(*words, *to(targets), "--yes")
    expect(answer, 0)
    same("outcome", answer.body["verdict"]["outcome"], "cleared")
    landed_on(answer, set(targets))
    return Told("A departmental publisher posts to its own profiles", shown(answer), deliveries(answer))


def system_request(memory: Memory) -> Told:
    """A system emits a publish-request event over NATS and is blocked for want of an approval."""
    memory.system_targets = [*memory.of("engineering"), *memory.of("fire")][:3]
    reply = asyncio.run(_emit(memory))
    if not reply.get("accepted"):
        raise SceneError(f"drivebc's event was not accepted: {reply}")
    memory.system_request = reply["request_id"]
    answer = memory.stage.command("status", memory.system_request, "--watch")
    expect(answer, 3)
    same("outcome", answer.body["verdict"]["outcome"], "blocked")
    return Told(
        "A system asks by an event over NATS; nobody has approved it",
        "nats request desk.request.submit.drivebc (CloudEvents 1.0)",
        [f"accepted as {memory.system_request}", *reasons(answer)],
    )


async def _emit(memory: Memory) -> dict[str, Any]:
    import nats

    client = await nats.connect(
        memory.stage.addresses["nats_url"],
        nkeys_seed=str(memory.stage.folder / "keys" / "drivebc.nk"),
        inbox_prefix=b"_INBOX_drivebc",
    )
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "https://drivebc.example/events",
        "type": "ca.onevoice.request.submitted.v1",
        "data": {
            "text": "Highway 7 is closed both ways east of Mission: washout. Detour by Dewdney Trunk Road.",
            "targets": memory.system_targets,
            "crisis": True,
            "link": f"{SITE}/alerts",
            "severity": "severe",
        },
    }
    try:
        reply = await client.request("desk.request.submit.drivebc", json.dumps(event).encode(), timeout=10)
    finally:
        await client.close()
    answer: dict[str, Any] = json.loads(reply.data)
    return answer


def activate(memory: Memory) -> Told:
    """The EOC director activates, level 2; each service sees it."""
    answer = memory.stage.command("eoc", "activate", "--level", "2", "--incident", INCIDENT, "--as", "eoc-director")
    expect(answer, 0)
    revision = answer.body["control_seq"]
    wanted = {"eoc_state", "registry", "intake", "gatekeeper", "fanout", "board", "audit"}
    for _ in range(PATIENCE):  # heartbeats come every two seconds
        status = memory.stage.command("eoc", "status")
        seen = {one["service"] for one in status.body["services"] if one["control_seq"] >= revision}
        if wanted <= seen:
            break
    else:
        raise SceneError(f"not each service has seen control revision {revision}: {sorted(seen)}")
    same("posture", status.body["posture"], "eoc_active")
    same("level", status.body["level"], 2)
    return Told(
        "The EOC director activates the EOC",
        shown(answer),
        [f"posture eoc_active, level 2, {INCIDENT}", f"seen by {', '.join(sorted(seen))}"],
    )


def blocked_by_2iii(memory: Memory) -> Told:
    """The publisher's next post is blocked by 2(iii)."""
    words = ["publish", f"Crews are at Highway 7, please stay away. {SITE}/alerts", "--as", "fire-publisher"]
    answer = memory.stage.command(*words, *to(memory.of("fire")), "--yes")
    expect(answer, 3)
    blocked_by(answer, "2(iii)")
    memory.held_request = answer.body["request_id"]
    return Told("The same publisher again, now with the EOC active", shown(answer), reasons(answer))


def no_role(memory: Memory) -> Told:
    """An approval by someone without the role is refused."""
    answer = memory.stage.command("approve", memory.system_request, "--as", "clerk", "--acknowledge", "--yes")
    expect(answer, 4)
    return Told("A clerk tries to approve drivebc's request", shown(answer), [refusal(answer)])


def one_voice(memory: Memory) -> Told:
    """The PIO issues an emergency update with one command; it is on every departmental profile."""
    text = (
        f"Emergency update 1: Highway 7 is closed east of Mission. Avoid the area. Next update at 15:00. {SITE}/alerts"
    )
    answer = memory.stage.command(
        "publish", text, "--as", "pio", "--all-departments", "--severity", "severe", "--expires", "4h", "--yes"
    )
    expect(answer, 0)
    landed_on(answer, memory.departmental())
    memory.update = answer.body["request_id"]
    return Told("The PIO speaks with one voice", shown(answer), deliveries(answer))


def cao_approves(memory: Memory) -> Told:
    """The CAO approves the system's request; it goes to the profiles asked for, and to no other."""
    answer = memory.stage.command("approve", memory.system_request, "--as", "cao", "--acknowledge", "--yes")
    expect(answer, 0)
    landed_on(answer, set(memory.system_targets))
    return Told("The CAO approves drivebc's request", shown(answer), deliveries(answer))


def cao_asks_for_all(memory: Memory) -> Told:
    """The CAO asks for all departmental profiles: blocked by 2(iv)."""
    text = f"City Hall closes at noon today. Staff are reachable by phone. {SITE}/closures"
    answer = memory.stage.command("publish", text, "--as", "cao", "--all-departments", "--yes")
    expect(answer, 3)
    blocked_by(answer, "2(iv)")
    memory.cao_request = answer.body["request_id"]
    return Told("The CAO asks for all departmental profiles", shown(answer), reasons(answer))


def pio_joins(memory: Memory) -> Told:
    """... until the PIO approves too."""
    answer = memory.stage.command("approve", memory.cao_request, "--as", "pio", "--acknowledge", "--yes")
    expect(answer, 0)
    landed_on(answer, memory.departmental())
    return Told("... until the PIO approves it too", shown(answer), deliveries(answer))


def stand_down(memory: Memory) -> Told:
    """The director stands the EOC down; what was blocked stays blocked."""
    answer = memory.stage.command("eoc", "stand-down", "--as", "eoc-director")
    expect(answer, 0)
    status = memory.stage.command("status", memory.held_request)
    same("outcome", status.body["verdict"]["outcome"], "blocked")
    if status.body["deliveries"]:
        raise SceneError(f"what was blocked has been posted: {status.body['deliveries']}")
    later = [f"{memory.held_request}, held under the EOC, is still blocked; nothing fires late"]
    return Told("The director stands the EOC down", shown(answer), ["posture routine", *later])


def proof(memory: Memory) -> Told:
    """``audit verify`` proves the policy over the ledger."""
    answer = memory.stage.command("audit", "verify")
    expect(answer, 0)
    if not answer.body["ok"] or answer.body["violations"]:
        raise SceneError(f"the record does not verify: {answer.body['violations']}")
    return Told(
        "The record proves the policy",
        shown(answer),
        [f"{answer.body['events']} events, {answer.body['attempts']} posts attempted, no violation"],
    )


SCENES: tuple[Scene, ...] = (
    routine,
    own_profile,
    system_request,
    activate,
    blocked_by_2iii,
    no_role,
    one_voice,
    corrected,
    cao_approves,
    cao_asks_for_all,
    pio_joins,
    recalled,
    stand_down,
    proof,
)
