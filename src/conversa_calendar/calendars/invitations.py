"""Telling the guests of native events from here: an .ics and answer links by mail, Reply-To the member (promise 18).

Guests of mirrored events are told by Google, when the person chose so; this module is silent for them.
"""

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import PRESENT, Member
from conversa_calendar.calendars import outgoing, wording
from conversa_calendar.calendars.models import Calendar, Event, OutgoingMail
from conversa_calendar.domain import ics, names
from conversa_calendar.domain.event import Content

SALT = "guest-answer"
ANSWER_LINK_DAYS = 400


def tell(
    event: Event,
    calendar: Calendar,
    before: Content | None,
    after: Content | None,
    notify: str,
    actor: Member | None,
) -> None:
    """Queues mail to the guests that the person chose to tell; nothing for mirrored calendars or `none`."""
    if calendar.is_mirrored or notify == "none":
        return
    was = {guest.email.lower(): guest for guest in before.attendees} if before else {}
    now = {guest.email.lower(): guest for guest in after.attendees} if after else {}
    inside = _members() if notify == "external" else set()
    told = [email for email in sorted(now.keys() | was.keys()) if email not in inside]
    told = [email for email in told if actor is None or email != actor.user.email]
    outgoing.afford(told)
    for email in told:
        if email not in now:
            _queue(event, before or after, email, "CANCEL", actor)  # type: ignore[arg-type]
        else:
            assert after is not None
            _queue(event, after, email, "REQUEST", actor, is_update=email in was)


def answer_token(event: Event, email: str) -> str:
    return signing.dumps([event.account_id, str(event.uuid), email], salt=SALT)


def read_answer_token(token: str) -> tuple[int, str, str]:
    """The (account id, event uuid, guest address) of a link. Raises signing.BadSignature."""
    account_id, uuid, email = signing.loads(token, salt=SALT, max_age=ANSWER_LINK_DAYS * 86_400)
    return account_id, uuid, email


def _queue(
    event: Event, content: Content, email: str, method: str, actor: Member | None, is_update: bool = False
) -> None:
    organizer = actor.user.email if actor else ""
    text = ics.build(
        uid=event.uid,
        content=content,
        organizer=(organizer, str(actor) if actor else ""),
        sequence=event.sequence,
        method=method,
        original_key=event.original_key,
        stamp=event.changed_at,
    )
    title = _one_line(content.summary) or _("(No title)")
    subjects = {
        ("REQUEST", False): _("Invitation: %(title)s"),
        ("REQUEST", True): _("Changed: %(title)s"),
        ("CANCEL", False): _("Cancelled: %(title)s"),
    }
    lines = [title, wording.when_in_words(content)]
    if content.location:
        lines.append(_one_line(content.location))
    if method == "REQUEST" and settings.PUBLIC_URL:
        lines += ["", _("Answer: %(url)s") % {"url": f"{settings.PUBLIC_URL}/answer/{answer_token(event, email)}"}]
    mail = OutgoingMail(
        to=email,
        reply_to=organizer,
        subject=(subjects[method, is_update and method == "REQUEST"] % {"title": title})[:300],
        body="\n".join(lines),
        ics=text,
        method=method,
    )
    mail.save()


def _members() -> set[str]:
    return {email.lower() for email in Member.objects.filter(PRESENT).values_list("user__email", flat=True)}


def _one_line(text: str) -> str:
    return names.tidy(text, 200)
