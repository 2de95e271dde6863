"""What all contracts have in common: strict, frozen, canonical bytes, times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from schemas import canonical
from schemas.forms import ID


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs its offset, as in 2026-01-31T14:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time outside of the years 1 to 9999 in UTC") from error


Utc = Annotated[datetime, AfterValidator(_utc)]
Id = Annotated[str, StringConstraints(pattern=ID, max_length=63)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PublicKey = Annotated[str, StringConstraints(pattern=r"^U[A-Z2-7]{55}$")]


class Contract(BaseModel):
    """A message or part of one: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_bytes(self) -> bytes:
        """Return the canonical bytes (schemas.canonical); absent optional values are left out."""
        return canonical.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read bytes strictly; raises StrictJsonError or pydantic.ValidationError."""
        return cls.model_validate(canonical.loads(raw))

    @classmethod
    def from_value(cls, value: Any) -> Self:
        """Read an already parsed JSON value; raises pydantic.ValidationError."""
        return cls.model_validate(value)


class Change(Contract):
    """An action that names the change before: ``after`` is the sequence of the last one of its object (0: none yet)."""

    after: int | None = None
