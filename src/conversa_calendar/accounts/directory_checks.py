"""What a directory snapshot must be before anything of it is written: each fault names its entry."""

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.accounts import joining, permissions
from conversa_calendar.accounts.models import Role
from conversa_calendar.accounts.services import Refused

ID_MAX, GROUP_NAME_MAX, ENTRIES_MAX = 120, 80, 10_000


class Person(msgspec.Struct, frozen=True):
    """`role`: administrator, agent, or a custom role by its id or name."""

    external_id: str
    email: str
    name: str = ""
    role: str = permissions.AGENT


class Group(msgspec.Struct, frozen=True):
    """A team or an inbox; ids of people who are not in the snapshot are passed over."""

    external_id: str
    name: str
    members: tuple[str, ...] = ()


class Snapshot(msgspec.Struct, frozen=True):
    """Everybody whom the platform knows. Teams or inboxes that are not given at all stay as they are; an empty list means
    that there are none."""

    members: tuple[Person, ...]
    teams: tuple[Group, ...] | None = None
    inboxes: tuple[Group, ...] | None = None


class Unfit(Refused):
    """An entry of a snapshot cannot be used; `field` says which, such as `members[2].email`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


def checked(snapshot: Snapshot) -> Snapshot:
    """The snapshot with clean addresses and names, and roles by their keys. Raises Unfit."""
    if max(len(snapshot.members), len(snapshot.teams or ()), len(snapshot.inboxes or ())) > ENTRIES_MAX:
        raise Unfit("members", _("A snapshot has at most %(most)s entries of a kind.") % {"most": ENTRIES_MAX})
    roles = _roles()
    members = tuple(_person(f"members[{n}]", person, roles) for n, person in enumerate(snapshot.members))
    _once([(f"members[{n}].external_id", person.external_id) for n, person in enumerate(members)])
    _once([(f"members[{n}].email", person.email) for n, person in enumerate(members)])
    teams, inboxes = _groups("teams", snapshot.teams), _groups("inboxes", snapshot.inboxes)
    return Snapshot(members, teams, inboxes)


def _person(at: str, person: Person, roles: dict[str, str]) -> Person:
    _id(at, person.external_id)
    try:
        email = joining.clean_address(person.email)
    except Refused as error:
        raise Unfit(f"{at}.email", str(error)) from error
    try:
        name = joining.clean_name(person.name)
    except Refused as error:
        raise Unfit(f"{at}.name", str(error)) from error
    role = roles.get(person.role) or roles.get(person.role.casefold())
    if role is None:
        raise Unfit(f"{at}.role", _("There is no role “%(role)s”.") % {"role": person.role[:60]})
    return Person(person.external_id, email, name, role)


def _groups(kind: str, groups: tuple[Group, ...] | None) -> tuple[Group, ...] | None:
    if groups is None:
        return None
    found = []
    for number, group in enumerate(groups):
        at = f"{kind}[{number}]"
        _id(at, group.external_id)
        name = " ".join(group.name.split())
        if not name or len(name) > GROUP_NAME_MAX or not name.isprintable():
            raise Unfit(f"{at}.name", _("A name of 1 to 80 characters is needed."))
        found.append(Group(group.external_id, name, group.members))
    _once([(f"{kind}[{n}].external_id", group.external_id) for n, group in enumerate(found)])
    _once([(f"{kind}[{n}].name", group.name.lower()) for n, group in enumerate(found)])
    return tuple(found)


def _id(at: str, text: str) -> None:
    if not text.strip() or len(text) > ID_MAX or not text.isprintable():
        raise Unfit(f"{at}.external_id", _("An id of 1 to %(most)s characters is needed.") % {"most": ID_MAX})


def _once(entries: list[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for at, value in entries:
        if value in first:
            message = _("“%(value)s” is also in %(other)s.") % {"value": value[:60], "other": first[value]}
            raise Unfit(at, message)
        first[value] = at


def _roles() -> dict[str, str]:
    """Every way to name a role, and its key; built-in names cannot be taken by custom ones."""
    custom = [(role.name.casefold(), str(role.uuid)) for role in Role.objects.order_by("-pk")]
    return dict(custom) | {key: key for _name, key in custom} | {key: key for key in permissions.BUILT_IN}
