"""What a verification comes to."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.audit.record.violation import Violation


@dataclass(frozen=True)
class Report:
    """The answer of ``verify_record``.

    ``events`` counts what was read, ``attempts`` those that count, ``last_seq`` is the newest sequence, ``root`` the
    Merkle root over all entries (hexadecimal). ``warnings`` do not make the record wrong: an attempt that is still
    unconfirmed, an entry that is void for every reader, a line that a crash cut off. ``unconfirmed`` lists the
    sequences of attempts without a receipt. ``resumed_from``: so many entries were judged by an earlier verification,
    and only hashed by this one (0: all were judged).
    """

    events: int
    attempts: int
    last_seq: int
    root: str
    checkpoints: int
    violations: tuple[Violation, ...] = ()
    warnings: tuple[Violation, ...] = ()
    unconfirmed: tuple[int, ...] = field(default=())
    resumed_from: int = 0

    @property
    def ok(self) -> bool:
        """True when nothing that may not be was found."""
        return not self.violations
