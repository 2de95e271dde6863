"""What an install for the desk leaves out: the libraries of the extra ``city`` (pyproject.toml), for services only."""

from __future__ import annotations

from services.kernel.base.errors import BadInput

_OURS = ("services", "schemas")


def missing_part(error: Exception) -> BadInput | None:
    """Return what a person is told of a library that is not installed, or None for any other error.

    The error returned has the code ``install.city_part``.
    """
    if not isinstance(error, ModuleNotFoundError) or error.name is None or error.name.split(".")[0] in _OURS:
        return None
    return BadInput(
        "install.city_part",
        f"this needs the part of OneVoice that runs a city, which is not installed here ({error.name} is missing)",
        "pip install 'onevoice[city]' (of a wheel: pip install 'onevoice-VERSION-py3-none-any.whl[city]'), "
        "or do it where the city runs",
    )
