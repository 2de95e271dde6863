"""Wakes officers' devices when something waits for a person, as long as the pages run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from schemas.events.desk import RequestView
from schemas.fingerprint import words_of
from services.desk.views.message.waiting import for_a_person
from services.kernel.base import logs
from services.web.desk import WebDesk
from services.web.domain.waking import due, may_be_woken, noted
from services.web.push.devices import WokenDevice
from services.web.push.sender import PushOutcome, send

LOOK_SECONDS = 2.0
IDLE_SECONDS = 60.0
"""What waits is looked at again when something came, and so often in any case: the second notice is due by time."""


async def wake(desk: WebDesk) -> None:
    """Look again and again for what waits, and tell the devices; without end."""
    seen, control, looked = -1, 0, float("-inf")
    while True:
        now = desk.clock.monotonic()
        if desk.hub.alive() and (desk.hub.seq != seen or now - looked >= IDLE_SECONDS):
            if desk.hub.control_seq != control:
                desk.roster.forget()  # who is no officer any more is not woken once more
            seen, control, looked = desk.hub.seq, desk.hub.control_seq, now
            try:
                await look(desk)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may do: people are woken by this
                logs.logger(realm=desk.city.realm).warning("devices could not be woken", error=str(error))
        await asyncio.sleep(LOOK_SECONDS)


async def look(desk: WebDesk) -> None:
    """Tell each device what is due to it; raises OneVoiceError."""
    devices = desk.devices.every()
    if not devices:
        return
    waiting = for_a_person(await desk.connection.pending())
    officers = await desk.roster.officers()
    words: dict[str, str] = {}
    for device in devices:
        if not may_be_woken(device.officer, device.credential, officers):
            desk.devices.end(device.id)
            continue
        found = due(waiting, device.told, desk.clock.now())
        await _words(desk, found, words)
        await _send(desk, device, waiting, found, words)


async def _words(desk: WebDesk, found: list[RequestView], words: dict[str, str]) -> None:
    """Find out the four words of each message: a list of what waits is without renderings."""
    for view in found:
        request_id = view.request.request_id
        if request_id not in words:
            words[request_id] = words_of((await desk.connection.request(request_id)).request)


async def _send(
    desk: WebDesk, device: WokenDevice, waiting: list[RequestView], found: list[RequestView], words: Mapping[str, str]
) -> None:
    now = desk.clock.now()
    if found:
        said = notice(desk, device.language, len(waiting), [words[one.request.request_id] for one in found])
        outcome = await send(device, desk.devices.key(), desk.origin.text, said, now)
        if outcome is PushOutcome.GONE:
            desk.devices.end(device.id)
            return
        if outcome is PushOutcome.LATER:
            logs.logger(realm=desk.city.realm).warning("a device could not be woken", officer=device.officer)
            found = []
    told = noted(waiting, found, device.told, now)
    if told != device.told:
        desk.devices.save(device.model_copy(update={"told": told}))


def notice(desk: WebDesk, language: str, count: int, words: list[str]) -> dict[str, str]:
    """Return what a device shows: that something waits, and its four words. Nothing of the message itself."""
    texts = desk.catalogues.get(language, desk.catalogues["en"]).texts
    city = desk.city.settings.city.name
    name = city if desk.city.realm == "live" else f"{texts('realm.exercise_title')}: {city}"
    title = texts("push.one", city=name) if count == 1 else texts("push.several", city=name, count=count)
    return {"title": str(title), "body": ", ".join(words[:3]), "to": "/"}


async def try_out(desk: WebDesk, device: WokenDevice) -> PushOutcome:
    """Send a device a notice that says that it is a trial; raises OneVoiceError."""
    texts = desk.catalogues.get(device.language, desk.catalogues["en"]).texts
    said = {"title": str(texts("push.trial", city=desk.city.settings.city.name)), "body": "", "to": "/sessions"}
    return await send(device, desk.devices.key(), desk.origin.text, said, desk.clock.now())
