"""Why a control event may not be."""

from __future__ import annotations


class ControlFault(Exception):
    """A control event that may not be: a stable code, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
