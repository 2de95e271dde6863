"""The browsers of ``make bench`` on the real pages: who changes a page is told here, not when somebody measures."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace

import aiohttp

from bench.watchers import watch
from tests.integration.web.conftest import Pages
from tests.integration.web.test_news import grow
from tests.support.mission import eventually

PATHS = ("/", "/state")


async def test_a_browser_of_the_bench_loads_its_page_anew_when_news_comes(pages: Pages) -> None:
    answered = Counter[str]()

    async def count(_session: object, _context: SimpleNamespace, sent: aiohttp.TraceRequestEndParams) -> None:
        answered[sent.url.path] += sent.response.status == 200

    own, trace = pages.phone, aiohttp.TraceConfig()
    trace.on_request_end.append(count)
    async with aiohttp.ClientSession(own.origin, cookie_jar=own.session.cookie_jar, trace_configs=[trace]) as session:
        browsers = [asyncio.create_task(watch(session, path)) for path in PATHS]

        async def follow() -> bool:
            assert not any(one.done() for one in browsers), browsers
            return answered["/events"] == len(PATHS)

        async def load_anew() -> bool:
            assert not any(one.done() for one in browsers), browsers
            return all(answered[path] > before[path] for path in PATHS)

        await eventually(follow)
        before = answered.copy()
        await grow(pages, 1)
        await eventually(load_anew)
        for one in browsers:
            one.cancel()
        await asyncio.wait(browsers)
