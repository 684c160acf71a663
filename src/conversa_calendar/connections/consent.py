"""The way through Google's consent screen and back (promises 3–6).

A state is single use, lives ten minutes and is bound to the browser (a cookie), the session, the user, the member and
the account: a link sent to somebody else, a replayed one, or an attacker's code in a victim's browser are refused
before the code is redeemed.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import Member, User
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.connections import gateway, sealing, tokens
from conversa_calendar.connections.models import ACTIVE, Connection, Consent, Grant, GrantUse, Invitation, Ticket
from conversa_calendar.connections.signals import connection_activated
from conversa_calendar.domain.vocabulary import ConnectionState
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google.oauth import APP_CREATED, Identity, Tokens, missing_permissions

LIFETIME = timedelta(minutes=10)
INVITATION_LIFETIME = timedelta(days=7)


class Refused(Exception):
    """The consent did not end in a connection; `code` is stable, the message tells the person what to do."""

    def __init__(self, code: str, message: str, missing: list[str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.missing = missing or []


@dataclass(frozen=True)
class Browser:
    """What binds a consent to one browser: a secret cookie, the session, the signed-in user."""

    secret: str
    session_key: str
    user: User


def begin(
    *,
    member: Member,
    browser: Browser,
    reconnect: Connection | None = None,
    invitation: Invitation | None = None,
    origin: str = "",
    extra_scopes: tuple[str, ...] = (),
) -> str:
    """Starts a consent, perhaps for permissions beyond the usual ones; answers the address at Google to send the browser
    to."""
    if not gateway.is_configured():
        raise Refused("not_configured", _("The operator of this installation has not set up Google yet."))
    state, verifier, nonce = ids.new_secret(), secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    fingerprint = ids.fingerprint(state)
    Consent.objects.create(
        fingerprint=fingerprint,
        account_id=member.account_id,
        user=browser.user,
        member_id=member.pk,
        browser_fingerprint=ids.fingerprint(browser.secret),
        session_fingerprint=ids.fingerprint(browser.session_key),
        sealed_verifier=sealing.seal(verifier, f"consent:{fingerprint}"),
        nonce=nonce,
        reconnect_uuid=reconnect.uuid if reconnect else None,
        invitation_id=invitation.pk if invitation else None,
        expires_at=clock.now() + LIFETIME,
    )
    hint = reconnect.email if reconnect else ""
    known = (APP_CREATED,) if reconnect and APP_CREATED in reconnect.scopes else ()  # what was given stays given
    return gateway.oauth(origin).authorization_url(state, verifier, nonce, hint, extra_scopes or known)


def finish(*, state: str, code: str, error: str, browser: Browser, origin: str = "") -> Connection:
    """Ends a consent when the browser returns: stores the connection. Raises Refused."""
    consent = _redeem_state(state, browser)
    if error:
        raise Refused("access_denied", _("Google reports that access was not given. Nothing was connected."))
    with tenant(consent.account_id):
        member = accounts.member(consent.member_id)
        _check_allowed(member, consent)
    client = gateway.oauth(origin)
    verifier = sealing.unseal(consent.sealed_verifier, f"consent:{consent.fingerprint}")
    try:
        granted = client.exchange(code, verifier, clock.now())
        identity = client.identify(granted, consent.nonce, clock.now())
    except protocol.GrantDead as problem:
        raise Refused("expired_code", _("Google's answer was no longer valid. Please try again.")) from problem
    except protocol.OperatorError as problem:
        raise Refused("operator", _("Google refuses this installation's client. Tell the operator.")) from problem
    except protocol.ProviderError as problem:
        raise Refused("trouble", _("Google could not be reached just now. Please try again.")) from problem
    _check_granted(granted)
    with tenant(consent.account_id):
        return _store(consent, member, identity, granted)


def issue_ticket(*, member: Member) -> str:
    """A single-use secret with which a member's browser may begin a consent (for API callers)."""
    secret = ids.new_secret()
    Ticket.objects.create(
        fingerprint=ids.fingerprint(secret),
        account_id=member.account_id,
        member_id=member.pk,
        expires_at=clock.now() + LIFETIME,
    )
    return secret


def redeem_ticket(secret: str, member: Member) -> None:
    """Uses a ticket up. Raises Refused when it is not this member's, used or too old."""
    found = Ticket.objects.filter(
        fingerprint=ids.fingerprint(secret),
        account_id=member.account_id,
        member_id=member.pk,
        used_at=None,
        expires_at__gt=clock.now(),
    )
    if found.update(used_at=clock.now()) != 1:
        raise Refused("bad_ticket", _("This link is not for you, was used already, or is older than ten minutes."))


def invite(*, member: Member, invited_by: Member) -> tuple[Invitation, str]:
    """A single-use invitation for a member to connect their own Google account, and its secret."""
    secret = ids.new_secret()
    invitation = Invitation(
        member=member,
        invited_by=invited_by,
        fingerprint=ids.fingerprint(secret),
        expires_at=clock.now() + INVITATION_LIFETIME,
    )
    invitation.save(force_insert=True)
    return invitation, secret


def invitation_for(secret: str, member: Member) -> Invitation:
    """The living invitation behind a secret. Raises Refused when it is somebody else's, used or too old."""
    found = Invitation.objects.filter(
        fingerprint=ids.fingerprint(secret), member=member, used_at=None, expires_at__gt=clock.now()
    ).first()
    if found is None:
        raise Refused("bad_invitation", _("This invitation is not for you, was used already, or has expired."))
    return found


def _redeem_state(state: str, browser: Browser) -> Consent:
    with transaction.atomic():
        found = Consent.objects.select_for_update().filter(fingerprint=ids.fingerprint(state)).first()
        if found is None or found.used_at is not None or found.expires_at <= clock.now():
            raise Refused("bad_state", _("This sign-in at Google was already used or is too old. Please start again."))
        is_own = (
            ids.is_same_secret(browser.secret, found.browser_fingerprint)
            and ids.is_same_secret(browser.session_key, found.session_fingerprint)
            and found.user_id == browser.user.pk
        )
        if not is_own:
            raise Refused(
                "foreign_state", _("This sign-in at Google was started in another browser or by someone else.")
            )
        found.used_at = clock.now()
        found.save(update_fields=["used_at"])
        return found


def _check_allowed(member: Member, consent: Consent) -> None:
    is_invited = (
        consent.invitation_id is not None
        and Invitation.objects.filter(pk=consent.invitation_id, member=member, used_at=None).exists()
    )
    began_at = consent.expires_at - LIFETIME
    is_ended = member.sessions_ended_at is not None and member.sessions_ended_at >= began_at
    if member.user_id != consent.user_id or is_ended:
        raise Refused("not_allowed", _("Your sign-in to this account has ended. Sign in again and start anew."))
    if member.is_suspended or not (member.may(Permission.INTEGRATIONS) or is_invited):
        raise Refused("not_allowed", _("You may no longer connect calendars in this account."))
    if not member.account.is_open:
        raise Refused("not_enabled", _("The Calendar module is off for this account."))


def _check_granted(granted: Tokens) -> None:
    if missing := missing_permissions(granted.scopes):
        raise Refused(
            "missing_permission", _("A permission was not ticked at Google, so nothing was connected."), missing
        )
    if not granted.refresh_token:
        raise Refused("no_refresh_token", _("Google did not give lasting access. Please connect once more."))


def _store(consent: Consent, member: Member, identity: Identity, granted: Tokens) -> Connection:
    grant, _created = Grant.objects.get_or_create(sub=identity.sub)
    grant = Grant.objects.select_for_update().get(pk=grant.pk)
    if grant.revoking_since is not None:
        raise Refused("revoking", _("This Google account is just being disconnected. Please try again in a minute."))
    known = Connection.objects.select_for_update().filter(provider="google", sub=identity.sub).first()
    if consent.reconnect_uuid is not None and (known is None or known.uuid != consent.reconnect_uuid):
        card = Connection.objects.filter(uuid=consent.reconnect_uuid).first()
        raise Refused(
            "other_account",
            _("You signed in as %(given)s, but this card belongs to %(wanted)s.")
            % {"given": identity.email, "wanted": card.email if card else "?"},
        )
    if known is not None and known.state not in {ACTIVE, ConnectionState.RECONNECT_NEEDED}:
        raise Refused("revoking", _("This Google account is just being disconnected. Please try again in a minute."))
    connection = known or Connection(sub=identity.sub, owner=member, account_id=member.account_id)
    if connection.owner is None or connection.owner.is_suspended:
        connection.owner = member  # whoever authorises it anew where its owner has left
    connection.email = identity.email
    connection.state, connection.state_reason, connection.notified_at = ACTIVE, "", None
    connection.scopes = sorted(granted.scopes)
    connection.consented_at = clock.now()
    connection.save()
    tokens.store(connection, granted)
    GrantUse.objects.get_or_create(connection_uuid=connection.uuid, defaults={"grant": grant})
    if consent.invitation_id is not None:
        Invitation.objects.filter(pk=consent.invitation_id).update(used_at=clock.now())
    connection_activated.send(Connection, connection=connection)
    history.refresh_pages("connections")
    return connection


def connection_of(uuid: UUID | str) -> Connection | None:
    return Connection.objects.select_related("owner__user").filter(uuid=uuid).first()
