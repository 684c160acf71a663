"""How people come into an account: the operator names its first one, a member invites, the platform's directory vouches.

Only the owner of an address ever chooses a password for it, behind a link mailed to that address. Nothing here answers
differently, or takes another way, for an address that is known from another account.
"""

from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from conversa_calendar.accounts import grants, permissions, services
from conversa_calendar.accounts.grants import Giver
from conversa_calendar.accounts.models import Member, User
from conversa_calendar.accounts.services import Refused
from conversa_calendar.accounts.signals import member_joined
from conversa_calendar.accounts.throttle import Limit
from conversa_calendar.domain import addresses, names
from conversa_calendar.kit import clock, ids

SALT = "invitation"
NAME_MAX = 120
INVITATIONS = Limit("invitations of an address into an account", 4, 7 * 24 * 3600)


class Gone(Exception):
    """An invitation was used, withdrawn, replaced by a newer one, or is too old."""


def add_member_as_operator(
    *, email: str, name: str = "", password: str | None = None, built_in: str = permissions.AGENT
) -> Member:
    """A member at once, with a password: for who runs the installation, and never behind a page or an API operation that
    a tenant reaches. Whoever has a password already keeps it."""
    if built_in not in permissions.BUILT_IN:
        raise Refused(_("There is no role “%(role)s”.") % {"role": built_in})
    member = _joined(email, name, built_in=built_in, accepted_at=clock.now())
    if password and not member.user.has_usable_password():
        member.user.set_password(password)
        member.user.save(update_fields=["password"])
    return member


def invite_member(*, email: str, name: str, role: str, by: Giver) -> tuple[Member, str]:
    """A place for the owner of an address, theirs once they accept; and the secret that is mailed to them."""
    member = _joined(email, name)
    if role != permissions.AGENT:
        services.set_role(member=member, key=role, by=by)
    return member, invite_again(member=member, by=by)


def invite_again(*, member: Member, by: Giver) -> str:
    """A new invitation of a member who has not accepted; the one before ends. Answers the secret to mail. Raises Refused,
    also after a few in a week: whoever does not want to come has no use for more."""
    services.lock(member)
    grants.check_over(by, member)
    if member.accepted_at is not None:
        raise Refused(_("%(name)s is here already.") % {"name": member})
    if member.is_suspended:
        raise Refused(_("%(name)s is suspended. Let them back in first.") % {"name": member})
    if (count := INVITATIONS.hit(member.account_id, member.user.email)).is_over:
        words = _("%(name)s was invited %(most)s times within a week. You can invite them again in %(hours)s hours.")
        raise Refused(words % {"name": member, "most": INVITATIONS.most, "hours": -(-count.wait_s // 3600)})
    secret = ids.new_secret()
    member.invited_by_id = by.member_id
    member.invitation, member.invited_at, member.declined_at = ids.fingerprint(secret), clock.now(), None
    member.save(update_fields=["invitation", "invited_at", "invited_by", "declined_at"])
    return signing.dumps([member.account_id, secret], salt=SALT)


def vouch_for(*, email: str, name: str, external_id: str) -> Member:
    """A member whom the platform's directory names: at home here, in no other account, and without any password."""
    return _joined(email, name, external_id=external_id, is_vouched=True)


def user_of(email: str) -> User:
    """The sign-in of an address, made when there was none; both ways are the same two statements."""
    address = clean_address(email)
    fresh = User(email=address)
    fresh.set_unusable_password()
    User.objects.bulk_create([fresh], ignore_conflicts=True)
    return User.objects.get(email=address)


def account_of(token: str) -> int:
    """The account that an invitation's link leads to. Raises Gone."""
    try:
        account_id, _secret = signing.loads(token, salt=SALT)
        return int(account_id)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise Gone from error


def invited(token: str) -> Member:
    """The member that a link invites, locked, in the scope of the link's account. Raises Gone."""
    _account_id, secret = signing.loads(token, salt=SALT)
    rows = Member.objects.select_for_update(of=("self",)).select_related("user", "account", "role")
    return _standing(rows.filter(invitation=ids.fingerprint(secret)).first())


def standing_of(user: User, uuid: str) -> Member:
    """The member of the scope's account that stands as an invitation of a signed-in person. Raises Gone."""
    rows = Member.objects.select_for_update(of=("self",)).select_related("user", "account", "role")
    return _standing(rows.filter(user=user, uuid=uuid).first())


def accept(*, member: Member) -> None:
    """The owner of the address is in: `member` came from `invited` or `standing_of`, and is signed in as that address."""
    member.accepted_at, member.invitation, member.declined_at = clock.now(), "", None
    member.save(update_fields=["accepted_at", "invitation", "declined_at"])


def accept_with_password(*, member: Member, password: str, name: str = "") -> None:
    """The owner of an address that nobody proved before is in, by the mailed link. A password that was set before, by
    whomever, opens nothing any more, and the sign-ins it gave end."""
    own_name = clean_name(name) if name.strip() else member.name
    user = member.user
    user.set_password(password)
    user.save(update_fields=["password"])
    User.objects.filter(pk=user.pk).update(email_verified_at=clock.now(), sessions_ended=F("sessions_ended") + 1)
    user.refresh_from_db(fields=["email_verified_at", "sessions_ended"])
    member.name = own_name
    member.save(update_fields=["name"])
    accept(member=member)


def decline(*, member: Member) -> None:
    """The owner of the address does not want to come; who invited them sees that."""
    member.declined_at, member.invitation = clock.now(), ""
    member.save(update_fields=["declined_at", "invitation"])


def note_first_visit(member_id: int) -> None:
    """A member whom the directory vouches for comes in for the first time, by a sign-in of their verified address."""
    Member.objects.filter(pk=member_id, accepted_at=None).update(accepted_at=clock.now())


def lock_sign_in(member: Member) -> None:
    """Reads the sign-in behind a member anew and keeps it as it is until the transaction ends."""
    member.user = User.objects.select_for_update().get(pk=member.user_id)


def clean_address(email: str) -> str:
    """An address in lower case. Raises Refused."""
    address = email.strip().lower()
    if len(address) > addresses.LONGEST:
        raise Refused(_("“%(email)s…” is too long for an e-mail address.") % {"email": address[:40]})
    if not addresses.is_usable(address):
        raise Refused(_("“%(email)s” is not an e-mail address.") % {"email": email.strip()[:60]})
    return address


def clean_name(name: str) -> str:
    """A person's name on one line, without control characters and links. Raises Refused."""
    plain = names.tidy(name, len(name))
    if len(plain) > NAME_MAX:
        raise Refused(_("A name has at most %(most)s characters.") % {"most": NAME_MAX})
    return services.without_link(plain)


def _joined(email: str, name: str, **more: object) -> Member:
    user = user_of(email)
    member = Member(user=user, name=clean_name(name), **more)
    try:
        with transaction.atomic():
            member.save(force_insert=True)
    except IntegrityError as error:
        raise Refused(_("%(email)s is already a member.") % {"email": user.email}) from error
    member_joined.send(Member, member=member)
    return member


def _standing(member: Member | None) -> Member:
    if member is None or not member.is_invited:
        raise Gone
    return member
