"""Keeps the embedded broker's users in step with control: who was added, got a new key or was revoked.

The broker reads its accounts again without a restart; whose key counts no more is disconnected by it.
"""

from __future__ import annotations

import asyncio

from schemas import flow
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.errors import OneVoiceError
from services.kernel.control.control_state import ControlState
from services.kernel.runtime.service import Runtime
from services.provision import EmbeddedBroker, read_manifest
from services.provision.accounts.accounts_file import write_accounts

LOOK_SECONDS = 0.5
AGAIN_SECONDS = 5.0
"""How long after a failure: it is tried until it works."""


async def follow_control(city: City, broker: EmbeddedBroker, runtime: Runtime) -> None:
    """Write the accounts and have the broker read them whenever control says who may connect; for ever."""
    log = logs.logger(realm=city.realm)
    known = None
    while True:
        control = runtime.control
        if (users := _users(city, control)) != known:
            try:
                written = write_accounts(city, read_manifest(city), control)
                if written or known is not None:  # a new provisioning key is in the file already
                    await broker.reload()
                    log.info("the broker's users follow control", control_seq=control.seq)
            except (OneVoiceError, OSError) as error:
                log.error("the broker's users do not follow control", why=str(error))
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            known = users
        await asyncio.sleep(LOOK_SECONDS)


def _users(city: City, control: ControlState) -> tuple[object, ...]:
    """Return what the broker's users hang on: people by control, services by their key files."""
    services = (*(row.name for row in flow.SERVICES), flow.WEB)
    paths = [*(city.service_key_path(name) for name in services), city.provision_key_path]
    files = [path.stat() for path in paths if path.exists()]  # a city of an older version may lack the web service's
    keys = tuple((file.st_ino, file.st_mtime_ns) for file in files)
    return (control.officers, control.systems, control.revoked, keys)
