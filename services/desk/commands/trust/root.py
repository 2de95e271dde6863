"""``onevoice root``: renew, sign, submit the root of the city's authority."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.text import Text

from schemas import subjects
from schemas.canonical import StrictJsonError
from schemas.events.authority import Renewal
from schemas.events.desk import OrderReply
from schemas.events.envelope import RENEWAL_TYPE, Envelope, Signature
from schemas.events.passkeys import Assertion
from services.desk import confirm, options, people, sent, session
from services.desk.app import Invocation, command, group
from services.desk.authority import ask_authority
from services.desk.keys.code import short_code
from services.desk.keys.opening import open_key_file, open_keys
from services.desk.new_file import write_new
from services.desk.views.output import people_console
from services.desk.views.state import authority as views
from services.desk.words import public_key
from services.kernel.authority.manifest_file import ManifestDraft, read_draft
from services.kernel.authority.signing import Signer, seal, verified_by
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, first_fault
from services.kernel.base.files import write_atomically

app = group("Renew the root of the city's authority: its keys, its end.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The renewal; it goes from one root key to the next.")]


class RenewalFile(BaseModel):
    """A renewal on its way: what is signed, and the envelope with the signatures so far."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    renewal: Renewal
    envelope: Envelope | None = None


@command(app, "renew", "onevoice root renew next.root --days 366 --add UB3... --remove UDX... --as mcpe")
async def renew(
    desk: Invocation,
    file: File,
    days: Annotated[int, typer.Option("--days", min=1, max=3_660, help="How long it lasts from now.")] = 366,
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="KEY", help="A new root key; once for each.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="KEY", help="A root key to take out; once for each.")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option("--threshold", min=1, max=8, help="How many have to sign, and to ask for power.")
    ] = None,
    audit_key: Annotated[
        str | None, typer.Option("--audit-key", metavar="KEY", help="The key that seals the record from then on.")
    ] = None,
    as_: options.AsksAs = None,
) -> int:
    """Write the root's next version, from the one in force; nobody has signed it yet.

    Then each root key signs: onevoice root sign FILE, the old ones and the new ones; then onevoice root submit FILE.
    """
    async with session.asking(desk, as_) as here:
        now = await ask_authority(here)
    keys = [key for key in now.root_keys if key not in (remove or ())]
    keys += [key for one in add or () if (key := public_key(one, "--add")) not in keys]
    issued = SystemClock().now()
    try:
        made = Renewal(
            realm=desk.realm,
            version=now.version + 1,
            issued_at=issued,
            expires_at=issued + timedelta(days=days),
            root_keys=tuple(keys),
            threshold=threshold or now.root_threshold,
            audit_key=public_key(audit_key, "--audit-key") if audit_key else None,
        )
    except ValidationError as error:
        raise BadInput("renewal.invalid", str(first_fault(error)), "onevoice root renew --help") from error
    if len(keys) < made.threshold:
        said = f"{len(keys)} root keys can never give {made.threshold} signatures"
        raise BadInput("renewal.threshold", said, "--add KEY, or a lower --threshold")
    draft = RenewalFile(renewal=made)
    write_new(file, _bytes(draft), "renewal")
    _show(desk, file, draft)
    return Exit.DONE


@command(app, "sign", "onevoice root sign next.root --as cao\nonevoice root sign manifest.live.json --key cao.nk")
async def sign(
    desk: Invocation,
    file: File,
    as_: options.ActsAs = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Your key by its file, where you have no city yet.")
    ] = None,
    yes: options.Yes = False,
) -> int:
    """Sign a renewal, or a new city's first manifest, with your key; the city need not be up.

    It shows first what the file gives to whom, with the code of each key: compare these with their owners, by
    telephone. Nothing is written before you say yes.
    """
    sent.means_stopped("Stopped. Nothing was signed.")
    talk = people_console(desk.as_json)
    first = _read_first(file)
    if first is not None:
        views.first_manifest(talk, first.manifest, first.signed_by())
        await confirm.signing(f"This signs what gives {first.manifest.city} its officers", yes)
        _sign_first(desk, file, first, _signer(desk, as_, key))
        return Exit.DONE
    draft = _read(file)
    views.renewal(talk, draft.renewal, _signed(draft))
    await confirm.signing("This signs what renews the city's root", yes)
    signer = _signer(desk, as_, key)
    made = seal(RENEWAL_TYPE, draft.renewal, (signer,))
    others = [one for one in _signatures(draft) if one.keyid != signer.public_key]
    signed = RenewalFile(
        renewal=draft.renewal, envelope=made.model_copy(update={"signatures": (*others, *made.signatures)})
    )
    _put(file, _bytes(signed))
    count = Text(f"{file} has {len(_signed(signed))} signatures.")
    desk.answer(_as_json(file, signed), lambda out: out.print(count, soft_wrap=True))
    return Exit.DONE


def _signer(desk: Invocation, as_: str | None, key: Path | None) -> Signer:
    if key is not None:
        return open_key_file(key)
    city = desk.city()
    return open_keys(city, people.acting(as_, city)).signing


def _read_first(file: Path) -> ManifestDraft | None:
    """Read a manifest that begins a city; None for another file."""
    try:
        return read_draft(file.read_bytes().strip())
    except OSError as error:
        raise BadInput("manifest.missing", f"{file} cannot be read: {error.strerror}", "name its file") from error


def _sign_first(desk: Invocation, file: Path, first: ManifestDraft, signer: Signer) -> None:
    """Sign a manifest that begins a city, write it, and say who has signed."""
    manifest = first.manifest
    keys = {one.public_key: one.id for one in manifest.officers if one.public_key}
    if signer.public_key not in keys:
        raise BadInput(
            "root.stranger",
            f"{signer.public_key} is no key of this manifest; it has {', '.join(keys) or 'none'}",
            f"take the key that onevoice init was given for the realm {manifest.realm}: --key FILE",
        )
    made = first.with_signature(signer)
    if made.envelope is not None:
        _put(file, made.envelope.to_bytes() + b"\n")
    signed = sorted(made.signed_by())
    names = ", ".join(sorted(keys[key] for key in signed if key in keys))
    said = Text(f"{file} is signed by {names}; it takes {manifest.threshold}.")
    codes = {one: short_code(key) for key, one in keys.items()}
    answer = {"file": str(file), "realm": manifest.realm, "signed": signed, "codes": codes}
    desk.answer(answer, lambda out: out.print(said, soft_wrap=True))


@command(app, "submit", "onevoice root submit next.root --as mcpe")
async def submit(desk: Invocation, file: File, as_: options.ActsAs = None) -> int:
    """Put a signed renewal in force."""
    draft = _read(file)
    if draft.envelope is None:
        raise BadInput("renewal.unsigned", f"nobody has signed {file}", "onevoice root sign FILE --as OFFICER")
    async with session.acting(desk, as_) as here:
        reply = await here.link.ask(subjects.DESK_REGISTRY_ORDER, draft.envelope, OrderReply)
    version = draft.renewal.version
    said = Text(f"Version {version} of the root is in force since control revision {reply.control_seq}.")
    desk.answer({"version": version, "control_seq": reply.control_seq}, lambda out: out.print(said))
    return Exit.DONE


def _signatures(draft: RenewalFile) -> tuple[Signature | Assertion, ...]:
    return draft.envelope.signatures if draft.envelope else ()


def _signed(draft: RenewalFile) -> frozenset[str]:
    return verified_by(draft.envelope, RENEWAL_TYPE) if draft.envelope else frozenset()


def _show(desk: Invocation, file: Path, draft: RenewalFile) -> None:
    desk.answer(_as_json(file, draft), lambda out: views.renewal(out, draft.renewal, _signed(draft)))


def _as_json(file: Path, draft: RenewalFile) -> dict[str, Any]:
    return {"file": str(file), "signed": sorted(_signed(draft)), **draft.renewal.model_dump(mode="json")}


def _read(file: Path) -> RenewalFile:
    try:
        draft = RenewalFile.model_validate_json(file.read_bytes())
        if draft.envelope is not None and draft.envelope.payload_bytes() != draft.renewal.to_bytes():
            raise ValueError("what was signed is something else")
    except (OSError, StrictJsonError, ValueError) as error:
        said = str(first_fault(error)) if isinstance(error, ValidationError) else "it cannot be read as one"
        raise BadInput("renewal.unreadable", f"{file} is no renewal: {said}", "onevoice root renew FILE") from error
    return draft


def _bytes(draft: RenewalFile) -> bytes:
    return draft.model_dump_json(by_alias=True, indent=1).encode("utf-8") + b"\n"


def _put(file: Path, content: bytes) -> None:
    try:
        write_atomically(file, content)
    except OSError as error:
        raise BadInput("renewal.unwritable", f"cannot write {file}: {error.strerror}", "name another file") from error
