"""The entry point: runs a command, and turns whatever happens into an answer and an exit status.

A person never sees a traceback: a known error is one clear block on standard error (with ``--json`` an error object on
standard output), an unknown one is a sentence and the place where its details were written.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from contextvars import copy_context

from services.desk import sent

_INTERRUPTED = 130
_UNWRITABLE = 2
_OUTPUT_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def main() -> None:
    """Run ``onevoice`` with the arguments of the process, and exit."""
    _fill_closed_streams()
    _keep_files_ours()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has gone: no error, but where it kept the deed from being done
        status = _UNWRITABLE if sent.left_undone() else 0
        _discard(sys.stdout.fileno())
        if status:
            _say(
                "error: whoever read the answer went away before anything was sent\n"
                "  hint: nothing was done; type it again, without head or less behind it\n"
                "  code: output.unread\n"
            )
    except OSError as error:
        status = _UNWRITABLE
        _discard(sys.stdout.fileno())
        done = "nothing was sent" if sent.left_undone() else "what was asked may be done all the same"
        _say(
            f"error: the answer could not be written: {error.strerror}; {done}\n"
            "  hint: free space, or write it somewhere else; onevoice pending shows what waits\n"
            "  code: output.unwritable\n"
        )
    _leave(status)


def _fill_closed_streams() -> None:
    """Give a stream that was closed before the start (``2>&-``, some schedulers) a place where nothing is kept.

    Else the next socket would get its number, and an error message would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest number that is free, which is this one
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def _keep_files_ours() -> None:
    """Let files that are made be the owner's to use and nobody's else to write, whatever umask the shell has."""
    umask = os.umask(0o077)
    os.umask(umask & 0o077 | 0o002)


def _say(words: str) -> None:
    """Write to standard error; where that has gone too (``2>&1 | head``) only the status tells it."""
    try:
        sys.stderr.write(words)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr.fileno())


def _discard(number: int) -> None:
    """Send what is left of an output nowhere: the interpreter flushes once more at its end, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _leave(status: int) -> None:
    """End the process; at once where a thread still waits, for a host's name or at a prompt that nobody answers now."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def run(args: list[str]) -> int:
    """Run one command line and return its exit status; raises nothing but an OSError of standard output.

    Its realm, zone and deadline end with it: the next one in this process begins without them.
    """
    return copy_context().run(_answer, args)


def _answer(args: list[str]) -> int:
    sent.begin()
    if args in (["--help"], ["-h"], ["help"]):
        from services.desk.menu import root_help

        sys.stdout.write(root_help())
        return 0
    if args in (["--version"], ["version"]):
        from importlib.metadata import version

        sys.stdout.write(f"onevoice {version('onevoice')}\n")
        return 0
    try:
        return _run(args)
    except KeyboardInterrupt:
        return _stopped()
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT_ERRORS:
            raise
        return _report(error, args)  # the last resort: a bug becomes one sentence, never a traceback


def _run(args: list[str]) -> int:
    garbled = next((n for n, word in enumerate(args, 1) if not _is_text(word)), None)
    if garbled is not None:
        from services.kernel.base.errors import BadInput

        raise BadInput(
            "input.encoding", f"argument {garbled} is not valid UTF-8", "type it again, or save the file as UTF-8"
        )
    from services.desk.app import build

    try:
        status = int(build().main(args, prog_name="onevoice", standalone_mode=False) or 0)
    except SystemExit as end:  # Typer's way to say that the reader has gone
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from end
    return _stopped() if status == _INTERRUPTED else status


def _stopped() -> int:
    """Say after Ctrl-C what goes on without the command."""
    sys.stderr.write(f"\n{sent.when_stopped()}\n")
    return _INTERRUPTED


def _is_text(word: str) -> bool:
    """False for a word with bytes that are not UTF-8 (the interpreter keeps them as lone surrogates)."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _report(error: Exception, args: list[str]) -> int:
    from services.desk.views import failure

    as_json = "--json" in args
    usage = failure.usage(error, args)
    if usage is not None:
        return failure.show(usage, as_json)
    return failure.show(failure.known(error) or failure.bug(error, args), as_json)


if __name__ == "__main__":  # pragma: no cover - python -m services.desk.main
    main()
