"""Inviting people into an account by mail. The mail is the same for everybody: it says nothing of whether its reader is known
here already."""

from django.urls import reverse
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import INVITATION_LIFE, Member
from conversa_calendar.calendars import outbox, outgoing
from conversa_calendar.calendars.models import OutgoingMail


def tell(member: Member, token: str, actor: Member, origin: str) -> None:
    """Mails somebody who was invited the way in; the link before does nothing any more. `origin`: where this installation
    is reached. Raises Invalid when the account may not write to so many people today."""
    outgoing.afford([member.user.email])
    days = INVITATION_LIFE.days
    account = " ".join(actor.account.name.split())
    lines = [
        _("Open this link to accept or decline. It works once, for %(days)s days:") % {"days": days},
        f"{origin}{reverse('join', args=[token])}",
        "",
        _("If you do not know %(account)s, ignore this mail: nothing happens.") % {"account": account},
    ]
    subject = _("%(name)s invites you to %(account)s") % {"name": " ".join(str(actor).split()), "account": account}
    OutgoingMail(to=member.user.email, reply_to=actor.user.email, subject=subject[:300], body="\n".join(lines)).save(
        force_insert=True
    )
    outbox.send_soon(member.account_id)
