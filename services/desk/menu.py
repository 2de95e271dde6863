"""The top level of the command: what there is, and the page that ``onevoice --help`` prints.

Light on purpose: this module imports nothing but the standard library's smallest, so that the first page of help
costs no more than the interpreter's own start.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One top-level command, or a group of commands: where it is, and its line in the help."""

    name: str
    module: str
    summary: str
    section: str


_CITY = "The city"
_POSTURE = "Posture"
_MESSAGES = "Messages"
_TRUST = "People, profiles and proof"

MENU = (
    Entry("init", "city", "Make a city folder: settings, officers, keys, profiles.", _CITY),
    Entry("up", "city", "Run the broker and all services until Ctrl-C.", _CITY),
    Entry("run", "city", "Run one service until Ctrl-C.", _CITY),
    Entry("provision", "city", "Make the broker's streams and consumers as they have to be.", _CITY),
    Entry("doctor", "doctor", "Check that everything is well, and say how to fix what is not.", _CITY),
    Entry("eoc", "eoc", "Activate the EOC, stand it down, see its state.", _POSTURE),
    Entry("crisis", "crisis", "Declare or end a crisis while the EOC is not active.", _POSTURE),
    Entry("hold", "hold", "The stop button: nothing is posted while it is on.", _POSTURE),
    Entry("publish", "publish", "Preview, confirm and sign a message, and watch it land.", _MESSAGES),
    Entry("request", "publish", "Ask for a message to be published, without approving it.", _MESSAGES),
    Entry("pending", "requests", "List the requests that wait for something.", _MESSAGES),
    Entry("show", "requests", "Show a request as each platform would get it.", _MESSAGES),
    Entry("approve", "requests", "Approve a request with your signature, and watch it land.", _MESSAGES),
    Entry("reject", "requests", "Reject a request with your signature.", _MESSAGES),
    Entry("status", "requests", "Say what happened to a request on each profile.", _MESSAGES),
    Entry("resolve", "resolve", "Decide on a post that may be out or not.", _MESSAGES),
    Entry("dead", "dead", "See messages that services could not handle; send them again.", _MESSAGES),
    Entry("withdraw", "requests", "Take a request back, also a cleared one.", _MESSAGES),
    Entry("officers", "officers", "See who holds which role; add, designate, revoke people.", _TRUST),
    Entry("systems", "systems", "See and change which programs may submit requests.", _TRUST),
    Entry("settings", "settings", "See and change the city's own settings.", _TRUST),
    Entry("invite", "enroll", "Write what a person's machine has to know of the city.", _TRUST),
    Entry("enroll", "enroll", "Make your desk on your own machine: keys, and the city.", _TRUST),
    Entry("unlock", "enroll", "Keep your keys open for a shift.", _TRUST),
    Entry("lock", "enroll", "Close the keys that onevoice unlock opened.", _TRUST),
    Entry("keys", "keys", "See the keys that are here, and replace them.", _TRUST),
    Entry("profiles", "profiles", "See and check the official profiles.", _TRUST),
    Entry("audit", "audit", "Prove the policy over the record.", _TRUST),
)

COMMON_OPTIONS = (
    ("--city DIR", "The city folder (or ONEVOICE_CITY, or where you are)."),
    ("--realm live|exercise", "The realm (or ONEVOICE_REALM); else live."),
    ("--json", "One JSON value on standard output, for programs."),
    ("--verbose", "Say more of what is done."),
    ("--help", "This page; each command has its own, with an example."),
)

_OTHER_OPTIONS = (
    ("--version", "Show the version."),
    ("--install-completion", "Install completion for this shell."),
    ("--show-completion", "Show the completion script."),
)

_INTRO = "One approved voice on every official profile of a city (policy HUM.11(A))."

_EXAMPLE = (
    "onevoice init --demo mission",
    "onevoice up --city mission",
    'onevoice publish "Boil water before drinking." --all-departments \\',
    "         --as pio --city mission",
)

EXIT_STATUSES = (
    "0 done as asked; 2 wrong use or bad input; 3 blocked, waiting; 4 refused;",
    "5 partly delivered; 6 broker or service unreachable; 7 record does not verify;",
    "130 stopped with Ctrl-C.",
)


def root_help() -> str:
    """Return the first page of help, at most 80 columns wide."""
    lines = ["Usage: onevoice [OPTIONS] COMMAND [ARGS]...", "", f"  {_INTRO}"]
    for section in dict.fromkeys(entry.section for entry in MENU):
        lines += ["", f"{section}:"]
        lines += [f"  {entry.name:<11}{entry.summary}" for entry in MENU if entry.section == section]
    lines += ["", "Options (before or after the command):"]
    lines += [f"  {name:<23}{text}" for name, text in COMMON_OPTIONS + _OTHER_OPTIONS]
    lines += ["", "Exit status:", *(f"  {line}" for line in EXIT_STATUSES)]
    lines += ["", "Example:", *(f"  {line}" for line in _EXAMPLE)]
    return "\n".join(lines) + "\n"
