"""Writes the contracts out: the JSON Schema of each event, and the AsyncAPI document of all services."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faststream.specification import AsyncAPI
from pydantic import TypeAdapter

from schemas import flow
from schemas.events import (
    approvals,
    audit,
    authority,
    board_events,
    broadcasts,
    control,
    dead,
    deliveries,
    desk,
    envelope,
    notices,
    outside,
    requests,
    resolutions,
    verdicts,
)
from services.kernel.runtime.run import described
from services.provision.city.city_init import make_city
from services.provision.plan.city_plan import demo_plan

JSON_FOLDER = Path(__file__).resolve().parents[3] / "schemas" / "json"

CONTRACTS: dict[str, Any] = {
    "request.submitted.v1": requests.SubmissionEvent,
    "ledger.request": requests.Request,
    "ledger.approval": approvals.Approval,
    "ledger.verdict": verdicts.Verdict,
    "ledger.delivery": deliveries.DeliveryEvent,
    "ledger.attempt": deliveries.Attempt,
    "ledger.receipt": deliveries.Receipt,
    "ledger.resolution": resolutions.Resolution,
    "ledger.outside": outside.OutsidePost,
    "ledger.acknowledgement": outside.Acknowledgement,
    "ledger.notice": notices.NoticeSent,
    "ledger.control": TypeAdapter(control.ControlEvent),
    "ledger.seal": audit.Seal,
    "statement.approval": approvals.ApprovalStatement,
    "statement.resolution": resolutions.ResolutionStatement,
    "statement.acknowledgement": outside.AcknowledgementStatement,
    "statement.dead-letter": dead.DeadLetterStatement,
    "statement.order": control.Order,
    "statement.manifest": authority.Manifest,
    "statement.renewal": authority.Renewal,
    "statement.checkpoint": audit.Checkpoint,
    "proof": audit.Proof,
    "witnessed.checkpoint": audit.WitnessedCheckpoint,
    "export": audit.Export,
    "export.entry": audit.ExportedEntry,
    "export.openings": audit.Openings,
    "envelope": envelope.Envelope,
    "rendering.content": requests.PlatformContent,
    "desk.preview.reply": desk.PreviewReply,
    "desk.submit.reply": desk.SubmitReply,
    "desk.media.reply": requests.MediaReply,
    "desk.approval.reply": desk.ApprovalReply,
    "desk.resolution.reply": desk.ResolutionReply,
    "desk.acknowledgement.reply": outside.AcknowledgementReply,
    "desk.order.reply": desk.OrderReply,
    "desk.board.query": desk.BoardQuery,
    "desk.board.reply": desk.BoardReply,
    "desk.error": desk.ErrorReply,
    "dead.letter": dead.DeadLetter,
    "dead.again": dead.SendAgain,
    "dead.closed": dead.Closing,
    "desk.dead.order": dead.DeadLetterOrder,
    "desk.dead.reply": dead.DeadLetterReply,
    "board.event": desk.BoardEvent,
    "board.events": board_events.BoardEvents,
    "eoc.state": broadcasts.EocBroadcast,
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
        brokers = [described(row.name, city) for row in flow.SERVICES]
        document = AsyncAPI(
            *brokers,
            title="OneVoice",
            version="1",
            description="A city's crisis communications pipeline: subjects, and what each service receives there.",
            license={"name": "Apache-2.0"},
        ).to_specification()
        # FastStream keeps subscribers in a set: sorted, so that the same flow gives the same document.
        return JSON_FOLDER / "asyncapi.json", _text(json.loads(document.to_json()), ordered=True)


def _text(value: Any, *, ordered: bool = False) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=ordered) + "\n"
