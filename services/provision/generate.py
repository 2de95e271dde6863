"""Writes what is generated: JSON Schema and AsyncAPI (``schemas/json``), and the diagrams of the flow map and
the state tables (docs).

``python -m services.provision.generate [schemas|docs] [--check]``; with ``--check`` nothing is written and a
difference ends with status 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from faststream.specification import AsyncAPI
from pydantic import TypeAdapter

from schemas import flow
from schemas.events import (
    approvals,
    audit,
    authority,
    control,
    dead,
    deliveries,
    desk,
    envelope,
    requests,
    resolutions,
    verdicts,
)
from services.fanout.domain import delivery_state
from services.kernel.runtime.run import build
from services.provision.city_init import make_city
from services.provision.city_plan import demo_plan
from services.provision.flow_diagram import mermaid

ROOT = Path(__file__).resolve().parents[2]
JSON_FOLDER = ROOT / "schemas" / "json"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
END = "<!-- /generated -->"

DIAGRAMS: dict[str, Callable[[], str]] = {"flow": mermaid, "delivery": delivery_state.TABLE.mermaid}
"""The Mermaid diagrams of docs/architecture.md; each stands behind its marker, ``<!-- generated: NAME -->``."""

CONTRACTS: dict[str, Any] = {
    "request.submitted.v1": requests.SubmissionEvent,
    "ledger.request": requests.Request,
    "ledger.approval": approvals.Approval,
    "ledger.verdict": verdicts.Verdict,
    "ledger.delivery": deliveries.Delivery,
    "ledger.attempt": deliveries.Attempt,
    "ledger.receipt": deliveries.Receipt,
    "ledger.resolution": resolutions.Resolution,
    "ledger.control": TypeAdapter(control.ControlEvent),
    "ledger.seal": audit.Seal,
    "statement.approval": approvals.ApprovalStatement,
    "statement.resolution": resolutions.ResolutionStatement,
    "statement.order": control.Order,
    "statement.manifest": authority.Manifest,
    "statement.checkpoint": audit.Checkpoint,
    "envelope": envelope.Envelope,
    "rendering.content": requests.PlatformContent,
    "desk.preview.reply": desk.PreviewReply,
    "desk.submit.reply": desk.SubmitReply,
    "desk.media.reply": desk.MediaReply,
    "desk.approval.reply": desk.ApprovalReply,
    "desk.resolution.reply": desk.ResolutionReply,
    "desk.order.reply": desk.OrderReply,
    "desk.board.query": desk.BoardQuery,
    "desk.board.reply": desk.BoardReply,
    "desk.error": desk.ErrorReply,
    "dead.letter": dead.DeadLetter,
    "dead.again": dead.SendAgain,
    "dead.closed": dead.Closing,
    "desk.dead.order": dead.LetterOrder,
    "desk.dead.reply": dead.LetterReply,
    "board.event": desk.BoardEvent,
    "eoc.state": desk.EocBroadcast,
    "health": desk.ServiceHealth,
}


def json_schemas() -> Iterator[tuple[Path, str]]:
    """Yield each contract's JSON Schema (2020-12) and where it belongs."""
    for name, contract in CONTRACTS.items():
        schema = (
            contract.json_schema(by_alias=True)
            if isinstance(contract, TypeAdapter)
            else contract.model_json_schema(by_alias=True)
        )
        yield (
            JSON_FOLDER / f"{name}.schema.json",
            _text({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema),
        )


def asyncapi() -> tuple[Path, str]:
    """Return the AsyncAPI 3 document of all services, from their FastStream subscribers."""
    with tempfile.TemporaryDirectory() as folder:
        city = make_city(Path(folder) / "city", demo_plan())
        brokers = []
        for row in flow.SERVICES:
            runtime, _ = build(row.name, city, "nats://127.0.0.1:4222")
            runtime.register_for_schema()
            brokers.append(runtime.broker)
        document = AsyncAPI(
            *brokers,
            title="OneVoice",
            version="1",
            description="A city's crisis communications pipeline: subjects, and what each service hears there.",
            license={"name": "Apache-2.0"},
        ).to_specification()
        # FastStream keeps subscribers in a set: sorted, so that the same flow gives the same document.
        return JSON_FOLDER / "asyncapi.json", _text(json.loads(document.to_json()), ordered=True)


def architecture() -> tuple[Path, str]:
    """Return docs/architecture.md with its diagrams drawn from the flow map and the state tables."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    for name, draw in DIAGRAMS.items():
        begin = f"<!-- generated: {name} -->"
        head, found, rest = text.partition(begin)
        if not found:
            raise LookupError(f"{ARCHITECTURE} has no place for the diagram {name}: {begin}")
        _, _, tail = rest.partition(END)
        text = f"{head}{begin}\n\n```mermaid\n{draw()}\n```\n\n{END}{tail}"
    return ARCHITECTURE, text


def generated(what: str | None) -> Iterator[tuple[Path, str]]:
    """Yield each generated file with its text: ``schemas``, ``docs`` or, with None, both."""
    if what in (None, "schemas"):
        yield from json_schemas()
        yield asyncapi()
    if what in (None, "docs"):
        yield architecture()


def main() -> int:
    """Write, or compare; return the exit status."""
    parser = argparse.ArgumentParser(prog="generate", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["schemas", "docs"])
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    stale = []
    for path, text in generated(chosen.what):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if not chosen.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        verb = "is out of date; write it anew: make schemas docs" if chosen.check else "written"
        sys.stdout.write(f"{path.relative_to(ROOT)} {verb}\n")
    return 1 if chosen.check and stale else 0


def _text(value: Any, *, ordered: bool = False) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=ordered) + "\n"


if __name__ == "__main__":
    sys.exit(main())
