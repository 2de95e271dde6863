"""``onevoice publish`` and ``onevoice request``."""

from __future__ import annotations

from services.desk import options
from services.desk.app import Invocation, command, group
from services.desk.asked import Manner, Message

app = group("Messages: preview, confirm, sign, follow.")


@command(
    app,
    "publish",
    'onevoice publish "Evacuation order for Hatzic. Go to the reception centre." \\\n'
    "         --all-departments --link https://mission.example/flood --as pio\n"
    'onevoice publish "Hydrant flushing on 7th Avenue." --to fire-townsquare \\\n'
    "         --expires 4h --as fire-publisher --yes",
)
def publish(
    desk: Invocation,
    text: options.Text,
    as_: options.ActsAs = None,
    all_departments: options.AllDepartments = False,
    to: options.To = None,
    link: options.Link = None,
    image: options.Image = None,
    alt: options.Alt = None,
    crisis: options.Crisis = None,
    severity: options.SeverityOption = None,
    expires: options.Expires = None,
    variant: options.Variant = None,
    yes: options.Yes = False,
    wait: options.Wait = "60s",
    event_id: options.EventId = None,
) -> int:
    """Preview, confirm and sign a message, and watch it land.

    Shows what each platform would get, asks, signs exactly that with your key, and follows it to each profile. Exit
    status 3 means that it waits for somebody else's approval.
    """
    from services.desk.flows import publish as flow

    message = Message(
        text=text,
        to=tuple(to or ()),
        all_departments=all_departments,
        link=link,
        images=tuple(image or ()),
        alts=tuple(alt or ()),
        crisis=crisis,
        severity=severity,
        expires=expires,
        variants=tuple(variant or ()),
        event_id=event_id,
    )
    return flow.publish(desk, message, Manner(as_, yes, wait))


@command(app, "request", 'onevoice request "Road closed at Dewdney Trunk." --to engineering-townsquare --as clerk')
def request(
    desk: Invocation,
    text: options.Text,
    as_: options.ActsAs = None,
    all_departments: options.AllDepartments = False,
    to: options.To = None,
    link: options.Link = None,
    image: options.Image = None,
    alt: options.Alt = None,
    crisis: options.Crisis = None,
    severity: options.SeverityOption = None,
    expires: options.Expires = None,
    variant: options.Variant = None,
    yes: options.Yes = False,
    wait: options.Wait = "60s",
    event_id: options.EventId = None,
) -> int:
    """Ask for a message to be published, without approving it.

    Anyone with a key may ask, systems too. It waits (exit status 3) until an officer approves it.
    """
    from services.desk.flows import publish as flow

    message = Message(
        text=text,
        to=tuple(to or ()),
        all_departments=all_departments,
        link=link,
        images=tuple(image or ()),
        alts=tuple(alt or ()),
        crisis=crisis,
        severity=severity,
        expires=expires,
        variants=tuple(variant or ()),
        event_id=event_id,
    )
    return flow.request(desk, message, Manner(as_, yes, wait))
