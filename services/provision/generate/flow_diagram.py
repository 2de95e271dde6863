"""The flow map as a Mermaid diagram: drawn from ``schemas.flow``, never by hand."""

from __future__ import annotations

from schemas import flow, subjects

_WRITTEN = {
    subjects.CONTROL: "control",
    subjects.REQUESTS: "request",
    subjects.APPROVALS: "approval",
    subjects.VERDICTS: "verdict",
    subjects.ATTEMPTS: "fenced attempt",
    subjects.RECEIPTS: "receipt",
    subjects.RESOLUTIONS: "resolution",
    subjects.OUTSIDE_POSTS: "outside post",
    subjects.ACKNOWLEDGEMENTS: "acknowledgement",
    subjects.NOTICES: "notice",
    subjects.SEAL: "seal",
}


def mermaid() -> str:
    """Return the diagram's text: people and systems, services, the ledger, what each reads and writes."""
    lines = [
        "flowchart LR",
        '  people(["people and systems<br/>(DESK account)"])',
        '  ledger[("the ledger<br/>(CORE account)")]',
    ]
    lines += [f'  {row.name}["{row.name}"]' for row in flow.SERVICES]
    for row in flow.SERVICES:
        lines += [f"  people -- {_short(base)} --> {row.name}" for base in row.serves]
        writes = [_WRITTEN[subject] for subject in row.writes if subject in _WRITTEN]
        if writes:
            lines.append(f'  {row.name} -- "{", ".join(writes)}" --> ledger')
        reads = [subjects.LEDGER_ALL] if row.folds else sorted({consumer.filter_subject for consumer in row.consumes})
        if reads:
            lines.append(f'  ledger -. "{", ".join(_short(subject) for subject in reads)}" .-> {row.name}')
    lines += ['  fanout ==> platforms[["platforms, website"]]', '  audit ==> copy[("second copy")]']
    for row in flow.SERVICES:
        for subject in [one for one in row.broadcasts if one != subjects.AUDIT_STANDING]:
            lines.append(f'  {row.name} -. "{subject}" .-> people')
    return "\n".join(lines)


def _short(subject: str) -> str:
    return subject.removeprefix("ledger.").removeprefix("desk.").replace(".*", "").replace(">", "everything")
