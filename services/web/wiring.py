"""Composition of the pages: every collaborator is built here, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.network.web import Running, serve
from services.kernel.base.tasks import cancel_all
from services.web.connection import CityConnection
from services.web.consultations import ConsultationRegister
from services.web.desk import DESK, WebDesk
from services.web.drafts import DraftFolder
from services.web.front import errors_as_pages, on_prepare, one_for_all, own_forms, own_host, signed_in
from services.web.hub import Hub
from services.web.news_stream import NewsStream
from services.web.pages import city as city_pages
from services.web.pages import (
    consult,
    decisions,
    enroll,
    inquiries,
    live,
    messages,
    orders,
    outside,
    pictures,
    push,
    sign_in,
    write,
)
from services.web.push.devices import WokenDevices
from services.web.push.waker import wake
from services.web.render import catalogues, static_file
from services.web.roster import Roster
from services.web.security import Origin
from services.web.sharing.shared import SharedPages

LARGEST_BODY = 8 * 1_048_576
"""A picture and a little more."""

ROUTES = (
    web.get("/", messages.inbox),
    web.get("/messages", messages.messages),
    web.get("/messages/{id}", messages.message),
    web.get("/holding", messages.holding),
    web.get("/inquiries", inquiries.inquiries),
    web.get("/outside", outside.outside),
    web.get("/outside/{id}", outside.outside_post),
    web.get("/outside/{id}/card", outside.card),
    web.get("/outside/{id}/record", outside.record),
    web.post("/outside/{id}", outside.acknowledge),
    web.get("/live", live.live_page),
    web.get("/events", live.events),
    web.get("/state", city_pages.state),
    web.get("/people", city_pages.people),
    web.post("/people/proposals/{number:[0-9]{1,12}}/{answer:confirm|decline}", orders.answer_proposal),
    web.get("/profiles", city_pages.profiles),
    web.get("/health", city_pages.findings),
    web.get("/static/{hash}/{name}", static_file),
    web.get("/worker.js", push.worker),
    web.get("/manifest.webmanifest", push.manifest),
    web.post("/push", push.add),
    web.post("/push/{device:[A-Za-z0-9_-]{22}}/try", push.try_again),
    web.post("/push/{device:[A-Za-z0-9_-]{22}}/end", push.end),
    web.get("/sign-in", sign_in.sign_in_page),
    web.post("/sign-in", sign_in.begin),
    web.post("/sign-in/{key}", sign_in.finish),
    web.post("/sign/{key}", sign_in.submit_signature),
    web.get("/enroll", enroll.enroll_page),
    web.post("/enroll", enroll.begin),
    web.post("/enroll/made/{key}", enroll.made),
    web.post("/enroll/signed/{key}", enroll.finished),
    web.get("/enroll/done", enroll.done),
    web.get("/sessions", sign_in.sessions),
    web.post("/sessions/stay", sign_in.stay),
    web.post("/sessions/language", sign_in.choose_language),
    web.post("/sessions/{number}/end", sign_in.end_session),
    web.get("/messages/{id}/approve", decisions.approve_page),
    web.post("/messages/{id}/approve", decisions.approve),
    web.get("/messages/{id}/reject", decisions.reject_page),
    web.post("/messages/{id}/reject", decisions.reject),
    web.get("/messages/{id}/return", decisions.return_page),
    web.post("/messages/{id}/return", decisions.send_back),
    web.get("/messages/{id}/withdraw", decisions.withdraw_page),
    web.post("/messages/{id}/withdraw", decisions.withdraw),
    web.get("/messages/{id}/resolve/{profile}", decisions.resolve_page),
    web.post("/messages/{id}/resolve/{profile}", decisions.resolve),
    web.post("/messages/{id}/follow", write.follow),
    web.get("/messages/{id}/copies", consult.copies_page),
    web.post("/messages/{id}/copies", consult.make),
    web.post("/messages/{id}/copies/{token_sha256:[0-9a-f]{64}}/end", consult.end),
    web.get("/consult/{secret}", consult.read),
    web.get("/state/{deed}", orders.order_page),
    web.post("/state/{deed}", orders.order),
    web.get("/write", write.drafts),
    web.post("/write", write.begin),
    web.post("/write/answer", write.answer),
    web.get("/write/{id}", write.form_page),
    web.post("/write/{id}", write.save),
    web.post("/write/{id}/preview", write.preview),
    web.get("/write/{id}/check", write.check_page),
    web.post("/write/{id}/submit", write.submit),
    web.post("/write/{id}/discard", write.discard),
    web.post("/write/{id}/picture", pictures.add),
    web.post("/write/{id}/picture/remove", pictures.remove),
    web.get("/write/{id}/pictures/{sha256:[0-9a-f]{64}}", pictures.of_draft),
    web.get("/messages/{id}/pictures/{sha256:[0-9a-f]{64}}", pictures.of_message),
    web.get("/consult/{secret}/pictures/{sha256:[0-9a-f]{64}}", pictures.of_copy),
)


def application(desk: WebDesk) -> web.Application:
    """Return the pages as an application."""
    layers = [own_host, errors_as_pages, signed_in, own_forms, one_for_all]
    app = web.Application(middlewares=layers, client_max_size=LARGEST_BODY)
    app[DESK] = desk
    app.on_response_prepare.append(on_prepare)
    app.add_routes(ROUTES)

    async def end_streams(_app: web.Application) -> None:
        desk.hub.close()

    app.on_shutdown.append(end_streams)
    return app


def build(city: City, url: Callable[[], str]) -> WebDesk:
    """Return what the pages of a realm need; nothing is started. ``url`` is asked at each connection."""
    clock = SystemClock()
    hub = Hub(clock)
    connection = CityConnection(city, url, hub)
    folder = city.var / "web" / city.realm
    return WebDesk(
        city=city,
        connection=connection,
        hub=hub,
        news=NewsStream(hub, clock),
        shared=SharedPages(hub, clock),
        origin=Origin(city.web.place),
        clock=clock,
        catalogues=catalogues(clock),
        roster=Roster(connection),
        drafts=DraftFolder(folder / "drafts"),
        consultations=ConsultationRegister(folder / "consultations.jsonl"),
        devices=WokenDevices(folder / "push", city.web.push_services),
    )


@asynccontextmanager
async def running(city: City, url: Callable[[], str]) -> AsyncIterator[Running]:
    """Serve the pages of a realm while the block runs.

    Raises:
        BadInput: ``port.in_use``, ``port.refused``.
    """
    section = city.web
    desk = build(city, url)
    server = await serve(application(desk), section.host, section.listens_on, "the officers' pages")
    following = asyncio.create_task(desk.connection.run())
    telling = asyncio.create_task(desk.news.run())
    waking = asyncio.create_task(wake(desk))
    try:
        yield Running(section.origin, server.runner)
    finally:
        await server.stop()
        await cancel_all(following, telling, waking)
