"""A broker that runs elsewhere is asked what it stores: by the audit service alone, on a real server."""

from __future__ import annotations

import nats.errors
import pytest

from services.audit.store_watch import StoreWatch, ask_broker
from services.kernel.base.city import load_city
from tests.integration.audit.conftest import AuditedCity
from tests.support.ledger_builder import story


async def test_a_broker_elsewhere_says_how_full_it_is(audited: AuditedCity, monkeypatch: pytest.MonkeyPatch) -> None:
    story(audited.builder)
    await audited.flush()
    async with audited.audit_here() as runtime:
        client = runtime.ledger.client
        free = await ask_broker(client, None)
        assert (free.used > 1_000, free.most, free.share, free.trouble()) == (True, None, None, None)
        full = await ask_broker(client, free.used / 1e9 / 0.8)
        assert (round(full.share or 0, 1), "80% is used" in (full.trouble() or "")) == (0.8, True)
        text = (audited.city.folder / "city.toml").read_text()
        away = f'url = "{audited.mission.url}"\nembedded = false\nstore_gb = {free.used / 1e9 / 0.8:.9f}\n'
        (audited.city.folder / "city.toml").write_text(text.replace("embedded = true\n", away, 1))
        away_city = load_city(audited.city.folder)
        monkeypatch.setattr(runtime, "city", away_city)
        watch = StoreWatch(runtime)
        await watch.look_once()
        assert "the broker's store nears its limit" in "".join(runtime.health.all_troubles())
        assert max(one.value for one in watch.measures() if one.name == "onevoice_store_used_ratio") > 0.79
        await (await audited.mission.provisioner()).js.delete_stream("LEDGER")
        await watch.look_once()
        assert watch.broker is not None, "one stream that is not told of keeps nobody from asking for the rest"
    with pytest.raises(nats.errors.Error):
        await ask_broker(await audited.client("intake"), None, 0.3)
