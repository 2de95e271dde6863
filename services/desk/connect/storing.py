"""A credential that was got is tried by the connector itself, and only then kept where the fan-out reads it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from schemas.events.authority import Profile, Realm
from services.desk.city.wall import held_by
from services.desk.connect.person import Access
from services.desk.connect.renewing import WAIT_SECONDS, nothing_renewed
from services.fanout.connectors.contract import Cause
from services.fanout.connectors.credentials.keeping import keep_credential
from services.fanout.connectors.credentials.tokens import TokenFault, is_reference, read_token
from services.fanout.connectors.registry import connectors
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Refused, Unreachable
from services.kernel.base.files import make_folder, write_atomically

CHECK_SECONDS = 15.0
_MODE = 0o600
_OTHER: dict[Realm, Realm] = {"live": "exercise", "exercise": "live"}


class _TrialCity(City):
    """The city with one credential beside its own: what is tried lies in a folder that nobody else can read."""

    def __init__(self, city: City, folder: Path) -> None:
        super().__init__(city.folder, city.settings, city.realm)
        self._trial = folder

    def token_path(self, profile: str) -> Path:
        return self._trial / f"{profile}.token"


async def tried(city: City, profile: str, platform: str, access: Access) -> str:
    """Have the platform's connector check the credential without posting; return what it says.

    Raises:
        Refused: ``connect.not_usable``: it cannot be posted with.
        Unreachable: ``connect.unreachable``.
    """
    folder = city.token_path(profile).parent
    make_folder(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".connect-") as name:
        trial = _TrialCity(city, Path(name))
        write_atomically(trial.token_path(profile), access.credential.encode("ascii", "replace") + b"\n", _MODE)
        try:
            read_token(trial.token_path(profile))
        except TokenFault as fault:
            if is_reference(access.credential):
                hint = "env:NAME, file:/the/whole/path (mode 0600), or exec:/the/whole/path and words"
                raise BadInput("connect.reference", str(fault), hint) from None
            raise BadInput("connect.form", "that is no credential of this platform", "copy it whole") from None
        tools = connectors(trial, city.settings.city.website)
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                health = await tools[platform].check(_profile(profile, platform, access.account))
        except TimeoutError:
            raise Unreachable("connect.unreachable", f"{platform} does not answer", "try again") from None
        finally:
            await asyncio.gather(*(one.close() for one in tools.values()))
    if health.ok:
        return health.detail
    if health.cause is Cause.HOST:
        raise Unreachable("connect.unreachable", f"{platform} cannot be asked: {health.detail}", "nothing was stored")
    raise Refused("connect.not_usable", f"this cannot be posted with: {health.detail}", "nothing was stored")


def refuse_other_realms(city: City, access: Access) -> None:
    """Refuse a credential that the other realm has: an exercise would post on a live account.

    Raises:
        BadInput: ``realms.token``.
    """
    wanted = _resolved(access.credential)
    other = city.folder / "secrets" / _OTHER[city.realm]
    for path in sorted(other.glob("*.token")) if other.is_dir() else ():
        if held_by(path) == wanted:
            message = f"this is the credential {path.name} of the realm {_OTHER[city.realm]}; nothing was stored"
            raise BadInput("realms.token", message, "take one of an account for exercises alone")


def _resolved(credential: str) -> bytes:
    """Return a credential, or what a reference refers to."""
    if not is_reference(credential):
        return credential.encode()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "reference.token"
        write_atomically(path, credential.encode("ascii", "replace"), _MODE)
        return held_by(path)


def keep(city: City, profile: str, access: Access, wait: float = WAIT_SECONDS) -> Path:
    """Write the credential, mode 0600, when it ends and what renews it; return where it lies.

    ``wait``: so many seconds at most for a renewal that is under way.

    Raises:
        BadInput: ``connect.disk``; ``connect.key``: the key that seals it cannot be had.
        Unreachable: ``credentials.busy``.
    """
    path = city.token_path(profile)
    try:
        with nothing_renewed(city, wait):
            keep_credential(path, access.credential, access.expires, access.renews)
    except TokenFault as fault:
        raise BadInput("connect.key", str(fault), "onevoice profiles seal") from None
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise BadInput("connect.disk", message, "run it as the user who owns the city folder") from error
    return path


def _profile(profile: str, platform: str, account: str) -> Profile:
    return Profile(
        id=profile,
        department="none",
        platform=platform,
        account=account,
        purpose="-",
        identification="-",
        disclosure="-",
    )
