"""Inviting people into an account by mail. The mail is the same for everybody: it says nothing of whether its reader is known
here already."""

from django.urls import reverse
from django.utils.translation import gettext as _

from conversa_calendar.accounts import joining
from conversa_calendar.accounts.grants import Giver
from conversa_calendar.accounts.models import INVITATION_LIFE, Member
from conversa_calendar.calendars import outgoing
from conversa_calendar.calendars.models import OutgoingMail


def invite(*, email: str, name: str, role: str, actor: Member, by: Giver, origin: str) -> Member:
    """Keeps a place for the owner of an address and mails them the way in. `origin`: where this installation is reached."""
    member, token = joining.invite_member(email=email, name=name, role=role, by=by)
    _mail(member, token, actor, origin)
    return member


def invite_again(*, member: Member, actor: Member, by: Giver, origin: str) -> None:
    """Mails a new link; the one before does nothing any more."""
    _mail(member, joining.invite_again(member=member, by=by), actor, origin)


def _mail(member: Member, token: str, actor: Member, origin: str) -> None:
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
    OutgoingMail(to=member.user.email, reply_to=actor.user.email, subject=subject[:300], body="\n".join(lines)).save()
