"""The host platform's people as one snapshot: created, updated, and suspended when absent (promise 36).

The platform vouches for its own account only: it gives no password, proves no address and changes nobody elsewhere. A
membership, with everything private in it, belongs to the owner of an address and never moves to another; an id may.
`directory_checks` says what a snapshot must be, `directory_groups` carries teams and inboxes.
"""

from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from conversa_calendar.accounts import directory_groups, grants, joining, permissions, services
from conversa_calendar.accounts.directory_checks import Group, Person, Snapshot, Unfit, checked
from conversa_calendar.accounts.grants import Giver
from conversa_calendar.accounts.models import Account, Member
from conversa_calendar.accounts.services import DirectoryReport, Refused

__all__ = ["Group", "Person", "Snapshot", "Unfit", "apply"]
REMOVALS_SHARE_MAX = 0.30
REMOVALS_MIN = 2
"""So many removals are held when they are also more than the share."""


@dataclass
class Plan:
    """Who is who: pairs of a listed person and their membership (None: a new one), and whose membership is not listed."""

    pairs: list[tuple[Person, Member | None]] = field(default_factory=list)
    absent: list[Member] = field(default_factory=list)
    everybody: list[Member] = field(default_factory=list)


def apply(
    *, snapshot: Snapshot, actor: Member, by: Giver, is_dry_run: bool = False, confirm_removals: bool = False
) -> DirectoryReport:
    """Makes the account's directory equal to the snapshot. Implausible removals are held: nothing changes. A dry run does
    the same and takes it back. Raises Unfit and Refused."""
    snapshot = checked(snapshot)
    Account.objects.select_for_update(no_key=True).get(pk=actor.account_id)  # one snapshot after the other
    plan = _plan(snapshot, actor)
    report = _report(plan, snapshot)
    if report.held and (is_dry_run or not confirm_removals):
        return report
    if not report.is_confirmable:
        raise Refused(" ".join(report.reasons))
    with transaction.atomic():
        _carry_out(plan, snapshot, by)
        transaction.set_rollback(is_dry_run)
    report.reasons = []
    return report


def _plan(snapshot: Snapshot, actor: Member) -> Plan:
    """By address: whoever has a membership here keeps it, whatever id they come with. An id that comes with an address
    unknown here is somebody new, as nothing shows that both addresses are one person's; whoever had it is not listed any
    more. The caller's own membership then only loses the id, so that the integration goes on."""
    everybody = list(
        Member.objects.select_for_update(of=("self",), no_key=True).select_related("user", "role").order_by("pk")
    )
    by_address = {member.user.email: member for member in everybody}
    plan = Plan(everybody=everybody)
    plan.pairs = [(person, by_address.get(person.email)) for person in snapshot.members]
    claimed = {member.pk for _person, member in plan.pairs if member is not None}
    plan.absent = [m for m in everybody if m.external_id and not m.is_suspended and m.pk not in claimed]
    listed = {person.external_id for person in snapshot.members}
    plan.absent = [m for m in plan.absent if m.pk != actor.pk or m.external_id not in listed]
    return plan


def _report(plan: Plan, snapshot: Snapshot) -> DirectoryReport:
    report = DirectoryReport(suspended=[member.external_id for member in plan.absent])
    for person, member in plan.pairs:
        if member is None:
            report.created.append(person.external_id)
        elif _differs(person, member):
            report.updated.append(person.external_id)
    gone = directory_groups.gone(snapshot)
    report.removed = [f"{kind}:{group.external_id}" for kind, group in gone]
    _hold_removals(plan, snapshot, report)
    if is_too_much(len(gone), directory_groups.count()):
        report.reasons.append(
            _("%(count)s teams and inboxes would lose their members and calendars.") % {"count": len(gone)}
        )
    _hold_last_administrator(plan, report)
    return report


def _hold_removals(plan: Plan, snapshot: Snapshot, report: DirectoryReport) -> None:
    active = sum(bool(member.external_id) and not member.is_suspended for member in plan.everybody)
    if is_too_much(len(plan.absent), active) or (plan.absent and not snapshot.members):
        report.reasons.append(
            _("%(count)s of %(active)s members would lose their access.")
            % {"count": len(plan.absent), "active": active}
        )


def _hold_last_administrator(plan: Plan, report: DirectoryReport) -> None:
    """Holds what would leave nobody who has come in as an administrator; refuses to leave nobody at all."""
    before = {member.pk for member in plan.everybody if member.is_administrator and member.is_live}
    after, vouched = _administrators_after(plan)
    if after or not before:
        return
    report.is_confirmable = vouched
    if vouched:
        report.reasons.append(_("No administrator who has signed in here would be left."))
    else:
        report.reasons.append(_("No administrator would be left. List at least one person as an administrator."))


def _administrators_after(plan: Plan) -> tuple[set[int], bool]:
    """The members who will be administrators and have come in, and whether there will be an administrator at all."""
    gone = {member.pk for member in plan.absent}
    listed = {member.pk: person for person, member in plan.pairs if member is not None}
    stay = [m for m in plan.everybody if m.pk not in gone and m.pk not in listed and m.is_administrator]
    after = {member.pk for member in stay if member.is_live}
    for member in plan.everybody:
        person = listed.get(member.pk)
        if person is not None and person.role == permissions.ADMINISTRATOR:
            after |= {member.pk} if member.accepted_at is not None else set()
    is_any_listed = any(person.role == permissions.ADMINISTRATOR for person, _member in plan.pairs)
    return after, is_any_listed or any(member.is_present for member in stay)


def is_too_much(count: int, of: int) -> bool:
    """Whether so many removals at once look like a mistake, in a company of any size."""
    return count >= REMOVALS_MIN and count > REMOVALS_SHARE_MAX * of


def _differs(person: Person, member: Member) -> bool:
    is_renamed = bool(person.name) and member.name != person.name
    is_new_here = member.external_id != person.external_id or not member.is_vouched or member.is_suspended
    return is_renamed or is_new_here or _role_of(member) != person.role


def _role_of(member: Member) -> str:
    return str(member.role.uuid) if member.role else member.built_in


def _carry_out(plan: Plan, snapshot: Snapshot, by: Giver) -> None:
    """Ids are freed before they are given, and power is given before it is taken, so that the order of a snapshot, swapped
    ids and a change of administrators do not matter."""
    _free_ids(plan, by)
    places = [(person, _placed(person, member, by)) for person, member in plan.pairs]
    for person, member in sorted(places, key=lambda place: place[0].role != permissions.ADMINISTRATOR):
        if _role_of(member) != person.role:
            services.set_role(member=member, key=person.role, by=by, counts_vouched=True)
    for member in plan.absent:
        services.suspend_member(member=member, is_suspended=True, by=by, counts_vouched=True)
    directory_groups.carry_out(snapshot, {person.external_id: member for person, member in places}, by)


def _free_ids(plan: Plan, by: Giver) -> None:
    """Takes every listed id from whoever will not keep it. Raises Refused."""
    keeps = {person.external_id: member.pk for person, member in plan.pairs if member is not None}
    listed = {person.external_id for person, _member in plan.pairs}
    for member in plan.everybody:
        if member.external_id in listed and keeps.get(member.external_id) != member.pk:
            grants.check_over(by, member)
            member.external_id = ""
            member.save(update_fields=["external_id"])


def _placed(person: Person, member: Member | None, by: Giver) -> Member:
    """The membership of a listed person, with the id and name of the snapshot. Raises Refused where anything would change
    of somebody who holds more than `by`."""
    if member is None:
        return joining.vouch_for(email=person.email, name=person.name, external_id=person.external_id)
    if not _differs(person, member):
        return member
    grants.check_over(by, member)
    if member.is_suspended:
        services.suspend_member(member=member, is_suspended=False, by=by)
    member.external_id, member.name, member.is_vouched = person.external_id, person.name or member.name, True
    member.save(update_fields=["external_id", "name", "is_vouched"])
    return member
