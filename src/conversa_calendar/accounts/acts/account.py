"""Acts on the account as a whole, its directory, and one's own profile."""

from django.conf import settings
from django.utils.translation import gettext as _

from conversa_calendar.accounts import directory, joining, preconditions, services
from conversa_calendar.accounts.acting import Viewer, does
from conversa_calendar.accounts.acts.rules import Act, needs
from conversa_calendar.accounts.models import Account, Member
from conversa_calendar.accounts.refusals import Refused
from conversa_calendar.accounts.services import DirectoryReport


@does(Act.CHANGE_ACCOUNT, Act.SWITCH_MODULE)
def change_account(
    viewer: Viewer,
    *,
    name: str | None = None,
    time_zone: str | None = None,
    is_calendar_enabled: bool | None = None,
    if_match: str = "",
) -> Account:
    """Renames the account, changes its zone, turns the Calendar module on or off. Raises NotAllowed, Changed, Refused."""
    needs(Act.CHANGE_ACCOUNT, viewer)
    account = Account.objects.select_for_update(no_key=True).get(pk=viewer.member.account_id)
    preconditions.hold(if_match, account.etag)
    if name is not None or time_zone is not None:
        values = {"name": account.name if name is None else name}
        services.set_account(account=account, time_zone=time_zone or account.time_zone, **values)
    if is_calendar_enabled is not None:
        needs(Act.SWITCH_MODULE, viewer)
        services.switch_module(account=account, is_enabled=is_calendar_enabled)
    return account


@does(Act.PUT_DIRECTORY)
def put_directory(
    viewer: Viewer, snapshot: directory.Snapshot, *, is_dry_run: bool = False, confirm_removals: bool = False
) -> DirectoryReport:
    """Makes members, teams and inboxes equal to a snapshot. Raises NotAllowed, Unfit, Refused."""
    needs(Act.PUT_DIRECTORY, viewer)
    return directory.apply(
        snapshot=snapshot,
        actor=viewer.member,
        by=viewer.giver,
        is_dry_run=is_dry_run,
        confirm_removals=confirm_removals,
    )


@does(Act.CHANGE_PROFILE)
def change_profile(
    viewer: Viewer,
    *,
    name: str | None = None,
    time_zone: str | None = None,
    language: str | None = None,
    if_match: str = "",
) -> Member:
    """One's own name, time zone (empty: the account's) and language (empty: the browser's) here. Raises NotAllowed,
    Changed, Refused."""
    needs(Act.CHANGE_PROFILE, viewer)
    rows = Member.objects.select_for_update(of=("self",), no_key=True).select_related("user", "role", "account")
    member = rows.get(pk=viewer.member.pk)
    preconditions.hold(if_match, member.profile_etag)
    if name is not None:
        member.name = joining.clean_name(name) or member.name
    if time_zone:
        services.check_zone(time_zone)
    if time_zone is not None:
        member.time_zone = time_zone
    if language and language not in dict(settings.LANGUAGES):
        raise Refused(_("There is no such language."))
    if language is not None:
        member.language = language
    member.save(update_fields=["name", "time_zone", "language"])
    return member


@does(Act.END_OWN_SESSIONS)
def end_own_sessions(viewer: Viewer) -> None:
    """Signs the person out everywhere, in every account. Raises NotAllowed."""
    needs(Act.END_OWN_SESSIONS, viewer)
    services.end_sessions(viewer.member.user)
