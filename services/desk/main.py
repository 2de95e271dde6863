"""The entry point: runs a command, and turns whatever happens into an answer and an exit status.

A person never sees a traceback: a known error is one clear block on standard error (with ``--json`` an error object on
standard output), an unknown one is a sentence and the place where its details were written.
"""

from __future__ import annotations

import os
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run ``onevoice`` with the arguments of the process, and exit."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has gone: not an error, but the interpreter must not flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)


def run(args: list[str]) -> int:
    """Run one command line and return its exit status; raises nothing but BrokenPipeError."""
    if args in (["--help"], ["-h"], ["help"]):
        from services.desk.menu import root_help

        sys.stdout.write(root_help())
        return 0
    try:
        return _run(args)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: a bug becomes one sentence, never a traceback
        return _report(error, args)


def _run(args: list[str]) -> int:
    garbled = next((n for n, word in enumerate(args, 1) if not _is_text(word)), None)
    if garbled is not None:
        from services.kernel.base.errors import BadInput

        raise BadInput(
            "input.encoding", f"argument {garbled} is not valid UTF-8", "type it anew, or save the file as UTF-8"
        )
    from services.desk.app import build

    status = int(build().main(args, prog_name="onevoice", standalone_mode=False) or 0)
    if status == _INTERRUPTED:
        sys.stderr.write("\nstopped; what is on record already goes on: onevoice pending shows it\n")
    return status


def _is_text(word: str) -> bool:
    """False for a word with bytes that are not UTF-8 (the interpreter keeps them as lone surrogates)."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _report(error: Exception, args: list[str]) -> int:
    from services.desk import failure

    as_json = "--json" in args
    usage = failure.usage(error)
    if usage is not None:
        return failure.show(usage, as_json)
    return failure.show(failure.known(error) or failure.bug(error, args), as_json)


if __name__ == "__main__":  # pragma: no cover - python -m services.desk.main
    main()
