"""Acts on roles: what may be held, and by whom it may be given."""

from uuid import UUID

from conversa_calendar.accounts import preconditions, services
from conversa_calendar.accounts.acting import Viewer, does
from conversa_calendar.accounts.acts.rules import Act, found, needs
from conversa_calendar.accounts.models import Role


@does(Act.ADD_ROLE)
def add_role(viewer: Viewer, *, name: str, held: list[str]) -> Role:
    """A custom role, of permissions that its maker holds. Raises NotAllowed, Refused."""
    needs(Act.ADD_ROLE, viewer)
    return services.create_role(name=name, held=held, by=viewer.giver)


@does(Act.CHANGE_ROLE)
def change_role(
    viewer: Viewer, uuid: UUID | str, *, name: str | None = None, held: list[str] | None = None, if_match: str = ""
) -> Role:
    """Renames a role or changes what it holds, for everybody who has it. Raises NotFound, NotAllowed, Changed, Refused."""
    role = _held(Act.CHANGE_ROLE, viewer, uuid)
    preconditions.hold(if_match, role.etag)
    return services.change_role(role=role, by=viewer.giver, name=name, held=held)


@does(Act.DELETE_ROLE)
def delete_role(viewer: Viewer, uuid: UUID | str, *, if_match: str = "") -> None:
    """Removes a role that nobody has. Raises NotFound, NotAllowed, Changed, Refused."""
    role = _held(Act.DELETE_ROLE, viewer, uuid)
    preconditions.hold(if_match, role.etag)
    services.delete_role(role=role, by=viewer.giver)


def _held(act: Act, viewer: Viewer, uuid: UUID | str) -> Role:
    needs(act, viewer)
    role: Role = found(Role.objects.select_for_update(of=("self",)), uuid)
    needs(act, viewer, role)
    return role
