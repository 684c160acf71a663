"""The host platform's people as one snapshot: created, updated, and suspended when absent (promise 36)."""

from typing import Any

import msgspec

from conversa_calendar.accounts import permissions, services
from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.services import DirectoryReport, Refused

REMOVALS_SHARE_MAX = 0.30
REMOVALS_MAX = 5


class Person(msgspec.Struct, frozen=True):
    external_id: str
    email: str
    name: str = ""
    role: str = permissions.AGENT


class Group(msgspec.Struct, frozen=True):
    external_id: str
    name: str
    members: tuple[str, ...] = ()


class Snapshot(msgspec.Struct, frozen=True):
    members: tuple[Person, ...]
    teams: tuple[Group, ...] = ()
    inboxes: tuple[Group, ...] = ()


def apply(*, snapshot: Snapshot, is_dry_run: bool = False, confirm_removals: bool = False) -> DirectoryReport:
    """Makes the account's directory equal to the snapshot. Implausibly many removals are held: nothing changes."""
    report = DirectoryReport()
    known = {member.external_id: member for member in Member.objects.select_related("user").exclude(external_id="")}
    listed = {person.external_id for person in snapshot.members}
    absent = [member for key, member in known.items() if key not in listed and not member.is_suspended]
    active = sum(not member.is_suspended for member in known.values())
    report.held = len(absent) > max(REMOVALS_MAX, REMOVALS_SHARE_MAX * active) and not confirm_removals
    report.suspended = [member.external_id for member in absent]
    for person in snapshot.members:
        _person(person, known.get(person.external_id), report, is_dry_run or report.held)
    if not is_dry_run and not report.held:
        for member in absent:
            services.suspend_member(member=member, is_suspended=True)
        _groups(snapshot.teams, Team, services.create_team, services.set_team_members, "team")
        _groups(snapshot.inboxes, Inbox, services.create_inbox, services.set_inbox_members, "inbox")
    return report


def _person(person: Person, member: Member | None, report: DirectoryReport, is_dry_run: bool) -> None:
    if person.role not in permissions.BUILT_IN:
        raise Refused(f"Unknown role “{person.role}”.")
    if member is None:
        report.created.append(person.external_id)
        if not is_dry_run:
            found = Member.objects.select_related("user").filter(user__email=person.email.lower()).first()
            if found is not None:
                found.external_id = person.external_id
                found.save(update_fields=["external_id"])
            else:
                services.add_member(
                    email=person.email, name=person.name, built_in=person.role, external_id=person.external_id
                )
        return
    is_changed = member.name != person.name or member.built_in != person.role or member.is_suspended
    if not is_changed:
        return
    report.updated.append(person.external_id)
    if not is_dry_run:
        member.name = person.name or member.name
        member.save(update_fields=["name"])
        if member.built_in != person.role:
            services.set_role(member=member, key=person.role)
        if member.is_suspended:
            services.suspend_member(member=member, is_suspended=False)


def _groups(groups: tuple[Group, ...], model: Any, create: Any, set_members: Any, name: str) -> None:
    people = {member.external_id: member for member in Member.objects.exclude(external_id="")}
    for group in groups:
        found = model.objects.filter(external_id=group.external_id).first()
        if found is None:
            found = create(name=group.name, external_id=group.external_id)
        elif found.name != group.name:
            found.name = group.name
            found.save(update_fields=["name"])
        set_members(**{name: found, "members": [people[key] for key in group.members if key in people]})
