"""Teams and inboxes of a directory snapshot. A group that is gone from it is emptied: nobody sees anything through it any
more, and what refers to it, such as a booking page, finds it without members rather than finding other people."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from conversa_calendar.accounts import services
from conversa_calendar.accounts.directory_checks import Group, Snapshot
from conversa_calendar.accounts.grants import Giver
from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.signals import group_emptied

Kind = tuple[str, type[Team] | type[Inbox], tuple[Group, ...]]


def count() -> int:
    """How many teams and inboxes came from the directory."""
    return sum(model.objects.exclude(external_id="").count() for model in (Team, Inbox))


def gone(snapshot: Snapshot) -> list[tuple[str, Team | Inbox]]:
    """Groups that came from the directory and are not in the snapshot any more, with the name of their kind."""
    found: list[tuple[str, Team | Inbox]] = []
    for name, model, groups in _kinds(snapshot):
        rows = model.objects.exclude(external_id="").exclude(external_id__in=[group.external_id for group in groups])
        found += [(name, row) for row in rows.order_by("pk")]
    return found


def carry_out(snapshot: Snapshot, people: dict[str, Member], by: Giver) -> None:
    """Makes teams and inboxes equal to the snapshot; one made by hand with a listed name becomes the listed
    one. Raises Refused."""
    for _name, row in gone(snapshot):
        services.set_members(group=row, members=[], by=by)
        row.external_id = ""
        row.save(update_fields=["external_id"])
        group_emptied.send(type(row), group=row)
    for _name, model, groups in _kinds(snapshot):
        rows = _rows(model, groups)
        for group in groups:
            members = [people[key] for key in dict.fromkeys(group.members) if key in people]
            services.set_members(group=rows[group.external_id], members=members, by=by)


def _rows(model: Any, groups: tuple[Group, ...]) -> dict[str, Any]:
    """The row of each listed group with its name of now. Names are freed before they are given: groups may swap theirs."""
    rows: dict[str, Any] = {row.external_id: row for row in model.objects.exclude(external_id="")}
    free = {row.name.lower(): row for row in model.objects.filter(external_id="")}
    for group in groups:
        row = rows.get(group.external_id)
        if row is not None and row.name != group.name:
            row.name = f"{uuid4()}"
            row.save(update_fields=["name"])
    for group in groups:
        by_hand = free.get(group.name.lower())
        row = rows.setdefault(group.external_id, by_hand or model())
        if by_hand is not None and by_hand is not row:
            by_hand.name = f"{by_hand.name[:70]} ({str(by_hand.uuid)[:6]})"
            by_hand.save(update_fields=["name"])
        if (row.name, row.external_id) != (group.name, group.external_id) or row.pk is None:
            row.name, row.external_id = group.name, group.external_id
            row.save()
    return rows


def _kinds(snapshot: Snapshot) -> Iterator[Kind]:
    """The kinds of groups that the snapshot speaks of."""
    if snapshot.teams is not None:
        yield "team", Team, snapshot.teams
    if snapshot.inboxes is not None:
        yield "inbox", Inbox, snapshot.inboxes
