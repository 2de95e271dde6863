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
        f"{install('city')}, or do it where the city runs",
    )


def install(extras: str) -> str:
    """Return how the libraries of extras are installed: of the file, for no package index has this project.

    By its name alone an index would be asked, and whoever registers it there would run code where the city runs.
    """
    wheel = f"'onevoice-VERSION-py3-none-any.whl[{extras}]'"
    return f"pip install {wheel} with the file that OneVoice came in (made by pipx: pipx install --force {wheel})"
