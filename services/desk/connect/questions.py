"""Credentials that a person fetches and types: app passwords, bot tokens, addresses of webhooks, passwords, secrets."""

from __future__ import annotations

import base64
import json
import secrets

from services.desk.connect.asked import Asked
from services.desk.connect.person import Access
from services.fanout.connectors.credentials.hooks import read_hook
from services.fanout.connectors.credentials.tokens import TokenFault, is_reference
from services.kernel.base.errors import BadInput, Refused

_WHOLE = "com.atproto.access"
_MESSAGES = "com.atproto.appPassPrivileged"


async def bluesky(asked: Asked) -> Access:
    """Ask for an app password, and see that it is one: the account's own password could change the account."""
    account = asked.named("handle.example")
    name, _, server = account.removeprefix("@").partition("@")
    section = asked.city.settings.bluesky
    if server and server not in section.servers:
        message = f"city.toml, [bluesky.servers], has no address for {server!r}"
        raise BadInput("connect.server", message, f'add: {server} = "https://..."')
    base = section.servers[server] if server else section.server
    asked.person.show("In the application: Settings, Privacy and security, App passwords: one for OneVoice.")
    password = asked.secret("App password")
    value = {"identifier": name, "password": password}
    path = "/xrpc/com.atproto.server.createSession"
    session = await asked.calls.json("the app password", "POST", base, path, value=value)
    access, renew = (asked.calls.text(session, one, "the app password") for one in ("accessJwt", "refreshJwt"))
    scope = _scope(access)
    path = "/xrpc/com.atproto.server.deleteSession"
    await asked.calls.answer("the end of the session", "POST", base, path, token=renew)
    if scope == _WHOLE:
        message = "this is the account's own password, which can change the account; nothing was stored"
        raise Refused("connect.rights", message, "make an app password in the application, and give that")
    remarks = ("it may read direct messages, which is not needed",) if scope == _MESSAGES else ()
    return Access(password, account.removeprefix("@"), (scope,) if scope else (), remarks=remarks)


async def telegram(asked: Asked) -> Access:
    """Ask for a bot's token, and what the bot may do in the channel."""
    channel, server = asked.named("@channel"), asked.city.settings.telegram.server
    asked.person.show("In Telegram: @BotFather, /newbot; then make the bot an administrator of the channel.")
    token = asked.secret("The bot's token")
    if not token.replace(":", "").replace("-", "").replace("_", "").isalnum() or ":" not in token:
        raise BadInput("connect.form", "that is not the token of a bot (number:letters)", "copy it from @BotFather")
    me = await asked.calls.json("the token", "POST", server, f"/bot{token}/getMe")
    bot = me.get("result") or {}
    value = {"chat_id": channel, "user_id": bot.get("id")}
    told = await asked.calls.json("the channel", "POST", server, f"/bot{token}/getChatMember", value=value)
    rights = told.get("result") or {}
    may = tuple(name for name, granted in rights.items() if name.startswith("can_") and granted is True)
    if rights.get("status") != "creator" and "can_post_messages" not in may:
        hint = "make the bot an administrator of the channel who may post and delete messages"
        raise Refused("connect.rights", f"the bot may not post in {channel}; nothing was stored", hint)
    remark = () if "can_delete_messages" in may else ("it may not delete messages: a recall would fail",)
    return Access(token, channel, may, remarks=(f"the bot is @{bot.get('username')}", *remark))


async def slack(asked: Asked) -> Access:
    """Ask for the address of an incoming webhook."""
    asked.person.show("At api.slack.com/apps: the city's application, Incoming Webhooks, Add New Webhook to Workspace.")
    return _hook(asked, "#channel")


async def teams(asked: Asked) -> Access:
    """Ask for the address of a workflow."""
    asked.person.show("In Teams: the channel, Workflows, 'Send webhook alerts to a channel'; copy its address.")
    return _hook(asked, "channel")


async def email(asked: Asked) -> Access:
    """Ask for the password of the city's account at the mail server; it is tried by logging in."""
    section = asked.city.settings.email
    account = asked.named("list@example.ca")
    if not section.host or not section.sender:
        raise BadInput(
            "connect.server", "city.toml, [email], names no mail server and sender", "docs/platforms/email.md"
        )
    if not section.username:
        # A word of its own: the realms may not have the same credential.
        return Access(secrets.token_hex(8), account, remarks=("the mail server asks for no password",))
    return Access(asked.secret(f"Password of {section.username} at {section.host}"), account)


async def webhook(asked: Asked) -> Access:
    """Make a secret, which the receiver gets a copy of."""
    name = asked.named("receiver")
    if name not in asked.city.settings.webhook.endpoints:
        message = f"city.toml, [webhook.endpoints], has no address for {name!r}"
        raise BadInput("connect.server", message, f'add: {name} = "https://..."')
    made = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    remark = "the secret is new: give the receiver a copy of the file, by a safe way, before anything is posted"
    return Access(made, name, remarks=(remark,))


async def referred(reference: str, asked: Asked) -> Access:
    """Take a reference: the credential stays where the city keeps its secrets, and is checked there."""
    if not is_reference(reference):
        message = "a reference is env:NAME, file:/the/whole/path, or exec:/the/whole/path and words"
        raise BadInput("connect.reference", message, "--credential takes the credential itself")
    remark = "it is a reference: the fan-out has to have that variable, file or command, too"
    return Access(reference, asked.named("as the profile's"), remarks=(remark,))


async def given(asked: Asked) -> Access:
    """Take a credential as a person has it; only its platform says whether it works."""
    account = asked.named("as the profile's")
    said = asked.secret("The credential")
    remark = "it was given as it is: what it may do and when it ends was not asked"
    return Access(said, account, remarks=(remark,))


def _hook(asked: Asked, form: str) -> Access:
    account, address = asked.named(form), asked.secret("The webhook's address")
    try:
        read_hook(address)
    except TokenFault as fault:
        raise BadInput("connect.form", str(fault), "copy it whole, with all that is after the question mark") from fault
    return Access(address, account, remarks=("who knows the address may post: it is kept as a password",))


def _scope(access: str) -> str:
    """Return what a session may do, as its token (a JWT) says; its signature is its server's business."""
    try:
        body = access.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(said.get("scope", ""))
    except (IndexError, ValueError, AttributeError):
        return ""
