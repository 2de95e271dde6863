"""``onevoice deploy`` and ``onevoice tls``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from services.desk.app import Invocation, command, group
from services.desk.views.timetext import utc
from services.kernel.base.errors import BadInput, Exit

app = group("Run a city as services of its own.")


@command(app, "deploy", "onevoice deploy systemd units --city mission --place /var/lib/onevoice/city")
def deploy(
    desk: Invocation,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="systemd, compose or helm.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder for the files.")],
    place: Annotated[
        str | None, typer.Option("--place", metavar="PATH", help="Where the city folder will be; else where it is.")
    ] = None,
    program: Annotated[
        str | None, typer.Option("--program", metavar="PATH", help="The virtual environment there; else this one.")
    ] = None,
) -> int:
    """Write what runs this city as services of its own: systemd units, a compose file or a Helm chart.

    They are checked as far as this machine's tools can. README.md in the folder says what to do with them, in order.
    """
    from services.provision.deployment.files import KINDS, check_files, not_checked, write_files
    from services.provision.deployment.target import target_of

    chosen = next((one for one in KINDS if one == kind), None)
    if chosen is None:
        raise BadInput("deploy.kind", f"{kind!r} is no way to deploy", f"choose one of {', '.join(KINDS)}")
    city = desk.city()
    written = write_files(city, chosen, target_of(city, place, program), folder)
    checked = list(check_files(city, chosen, folder))
    faults = [f"{what}: {fault}" for what, fault in checked if fault]
    missing = not_checked(chosen)

    def draw(out: Console) -> None:
        out.print(Text(f"{len(written)} files are in {folder}.", style="bold"), soft_wrap=True)
        for fault in faults:
            out.print(Text(fault, style="bold red"), soft_wrap=True)
        if missing:
            out.print(Text(f"Not checked by {' and '.join(missing)}: not on this machine.", style="yellow"))
        out.print(Text(f"Next: {folder / 'README.md'}"), soft_wrap=True)

    files = [str(path.relative_to(folder)) for path in written]
    desk.answer({"folder": str(folder), "files": files, "faults": faults, "not_checked": missing}, draw)
    return Exit.USAGE if faults else Exit.DONE


@command(app, "tls", "onevoice tls /etc/onevoice/tls --host broker.city.example")
def tls(
    desk: Invocation,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the certificates go.")],
    host: Annotated[
        list[str], typer.Option("--host", metavar="NAME", help="A name or address of the broker; again for more.")
    ],
    days: Annotated[int, typer.Option("--days", min=1, max=825, help="How long it is good.")] = 397,
) -> int:
    """Make a certificate for the broker, signed by an authority of the city's own.

    An authority that is in DIR already signs the new certificate: so a certificate is renewed, and nobody needs a new
    ca.pem.
    """
    from services.provision.certificates import make_certificate

    made = make_certificate(folder, tuple(host), days)

    def draw(out: Console) -> None:
        out.print(Text(f"The certificate for {', '.join(host)} is good until {made.until:%Y-%m-%d}.", style="bold"))
        for path, what in (
            (made.certificate, "and server.key: for the broker"),
            (made.authority, "for everybody who connects: city.toml, [nats] tls_ca"),
            (made.authority_key, "signs the next one: keep it off the broker's machine"),
        ):
            out.print(Text(f"  {path}  {what}"), soft_wrap=True)
        if made.renewed:
            out.print("The authority is the one that was there. Have the broker read the new certificate: reload it")
            out.print("(in a container: restart it, docker compose restart nats).")
        else:
            out.print("The broker's user has to be able to read server.key, and nobody else:")
            key = shlex.quote(str(made.certificate.with_name("server.key")))
            out.print(Text(f"  chgrp onevoice-nats {key} && chmod 640 {key}"), soft_wrap=True)

    said = {"certificate": str(made.certificate), "authority": str(made.authority), "until": utc(made.until)}
    desk.answer(said | {"hosts": host, "renewed": made.renewed}, draw)
    return Exit.DONE
