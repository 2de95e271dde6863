"""The top level of the command: what there is, and the page that ``onevoice --help`` prints.

Light on purpose: this module imports nothing but the standard library's smallest, so that the first page of help
costs no more than the interpreter's own start.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MenuEntry:
    """One top-level command, or a group of commands: where it is, and its line in the help."""

    name: str
    noun: str
    summary: str
    section: str

    @property
    def module(self) -> str:
        """Where it is: each section of the help is a room of ``services/desk/commands``."""
        return f"services.desk.commands.{_ROOMS[self.section]}.{self.noun}"


_CITY = "The city"
_POSTURE = "Posture"
_MESSAGES = "Messages"
_TRUST = "People, profiles and proof"
_ROOMS = {_CITY: "running", _POSTURE: "posture", _MESSAGES: "message", _TRUST: "trust"}

MENU = (
    MenuEntry("init", "city", "Make a city folder: settings, officers, keys, profiles.", _CITY),
    MenuEntry("up", "city", "Run the broker and all services until Ctrl-C.", _CITY),
    MenuEntry("run", "city", "Run one service until Ctrl-C.", _CITY),
    MenuEntry("provision", "city", "Make the broker's streams and consumers as they have to be.", _CITY),
    MenuEntry("deploy", "deploy", "Write what runs this city as services of its own.", _CITY),
    MenuEntry("tls", "deploy", "Make a certificate for the broker.", _CITY),
    MenuEntry("ledger", "ledger", "Move the ledger to another broker.", _CITY),
    MenuEntry("doctor", "doctor", "Check that everything is well, and say how to fix what is not.", _CITY),
    MenuEntry("top", "top", "Show the whole city on one screen, live.", _CITY),
    MenuEntry("eoc", "eoc", "Activate the EOC, stand it down, see its state.", _POSTURE),
    MenuEntry("crisis", "crisis", "Declare or end a crisis while the EOC is not active.", _POSTURE),
    MenuEntry("hold", "hold", "The stop button: nothing is posted while it is on.", _POSTURE),
    MenuEntry("publish", "publish", "Preview, confirm and sign a message, and watch it land.", _MESSAGES),
    MenuEntry("request", "publish", "Ask for a message to be published, without approving it.", _MESSAGES),
    MenuEntry("preview", "preview", "Show a message as each platform would show it.", _MESSAGES),
    MenuEntry("template", "template", "See the wordings that were agreed on beforehand.", _MESSAGES),
    MenuEntry("pending", "requests", "List the requests that wait for something.", _MESSAGES),
    MenuEntry("inbox", "inbox", "Show what waits for an officer, and ring for what comes.", _MESSAGES),
    MenuEntry("show", "requests", "Show a request as each platform would get it.", _MESSAGES),
    MenuEntry("approve", "decisions", "Approve a request with your signature, and watch it land.", _MESSAGES),
    MenuEntry("reject", "decisions", "Reject a request with your signature.", _MESSAGES),
    MenuEntry("return", "decisions", "Send a request back to be changed, with your signature.", _MESSAGES),
    MenuEntry("status", "requests", "Say what happened to a request on each profile.", _MESSAGES),
    MenuEntry("resolve", "resolve", "Decide on a post that may be out or not.", _MESSAGES),
    MenuEntry("tasks", "tasks", "List what an officer has to enter or take back by hand.", _MESSAGES),
    MenuEntry("outside", "outside", "See posts on official profiles that did not come through the gate.", _MESSAGES),
    MenuEntry("inquiries", "inquiries", "Show what people ask the city in public.", _MESSAGES),
    MenuEntry("reply", "reply", "Answer in public what somebody asked.", _MESSAGES),
    MenuEntry("dead", "dead", "See messages that services could not handle; send them again.", _MESSAGES),
    MenuEntry("withdraw", "withdraw", "Stop what is not posted yet of a request.", _MESSAGES),
    MenuEntry("correct", "following", "Put a message right on each profile that got it.", _MESSAGES),
    MenuEntry("update", "following", "Add to a message on each profile that got it.", _MESSAGES),
    MenuEntry("recall", "following", "Take a message back on each profile that got it.", _MESSAGES),
    MenuEntry("all-clear", "following", "Say that what a message was about is over.", _MESSAGES),
    MenuEntry("repost", "following", "Post a message on profiles that did not get it.", _MESSAGES),
    MenuEntry("history", "history", "List what was asked to be published, or show one whole.", _MESSAGES),
    MenuEntry("officers", "officers", "See who holds which role; add, designate, revoke people.", _TRUST),
    MenuEntry("passkeys", "passkeys", "See, add and remove the passkeys that officers sign with.", _TRUST),
    MenuEntry("systems", "systems", "See and change which programs may submit requests.", _TRUST),
    MenuEntry("settings", "settings", "See and change the city's own settings.", _TRUST),
    MenuEntry("root", "root", "Renew the root of the city's authority: its keys, its end.", _TRUST),
    MenuEntry("invite", "enroll", "Write what a person's machine has to know of the city.", _TRUST),
    MenuEntry("enroll", "enroll", "Make your desk on your own machine: keys, and the city.", _TRUST),
    MenuEntry("unlock", "enroll", "Keep your keys open for a shift.", _TRUST),
    MenuEntry("lock", "enroll", "Close the keys that onevoice unlock opened.", _TRUST),
    MenuEntry("keys", "keys", "See the keys that are here, and replace them.", _TRUST),
    MenuEntry("profiles", "profiles", "See and check the official profiles.", _TRUST),
    MenuEntry("audit", "audit", "Prove the policy over the record.", _TRUST),
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
    'onevoice crisis declare --incident "Boil water" --as pio --city mission',
    'onevoice publish "Boil water: https://mission.example/water" \\',
    "         --all-departments --as pio --city mission",
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
