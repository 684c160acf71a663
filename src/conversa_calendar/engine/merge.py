"""Three-way merge of an event, unit by unit, against the state that both sides last agreed on.

One side changed: take it. Both changed to the same: take it. Both changed differently: the remote value stands on both
sides and ours is returned as a conflict, to be kept in the history; no clocks of two machines are compared. A `when`
that was announced to a visitor stands against the remote one.
"""

from collections.abc import Sequence

import msgspec

from conversa_calendar.domain.event import UNITS, Attendee, Content, changed_units, unit, with_units


class Conflict(msgspec.Struct, frozen=True):
    """Both sides changed one unit differently; `lost` is the content whose value did not stand."""

    unit: str
    stands: str
    lost: Content


class Merged(msgspec.Struct, frozen=True):
    """The content on which both sides should end, and what each still lacks."""

    content: Content
    to_local: tuple[str, ...]
    to_remote: tuple[str, ...]
    conflicts: tuple[Conflict, ...]


def merge(base: Content, local: Content, remote: Content, *, is_when_announced: bool = False) -> Merged:
    """Merges local and remote changes since base. `to_remote` empty means nothing needs to be sent."""
    content, conflicts = local, []
    for name in UNITS:
        if name == "attendees":
            continue
        was, ours, theirs = unit(base, name), unit(local, name), unit(remote, name)
        if theirs == was or ours == theirs:
            continue
        if ours == was:
            content = with_units(content, remote, [name])
        elif name == "when" and is_when_announced:
            conflicts.append(Conflict(name, "local", remote))
        else:
            content = with_units(content, remote, [name])
            conflicts.append(Conflict(name, "remote", local))
    attendees, contested = merge_attendees(base.attendees, local.attendees, remote.attendees)
    content = msgspec.structs.replace(content, attendees=attendees)
    if contested:
        conflicts.append(Conflict("attendees", "remote", local))
    return Merged(
        content=content,
        to_local=_differing(local, content),
        to_remote=_differing(remote, content),
        conflicts=tuple(conflicts),
    )


def carry_over(shown: Content, typed: Content, target: Content) -> Content:
    """What a person changed from `shown` to `typed`, done to another content, such as one occurrence's edit to the rest of
    its series: guests one by one, every other unit but `when`, which is not the same elsewhere."""
    units = [name for name in changed_units(shown, typed) if name not in {"when", "attendees"}]
    guests, _contested = merge_attendees(shown.attendees, target.attendees, typed.attendees)
    return msgspec.structs.replace(with_units(target, typed, units), attendees=guests)


def merge_attendees(
    base: tuple[Attendee, ...], local: tuple[Attendee, ...], remote: tuple[Attendee, ...]
) -> tuple[tuple[Attendee, ...], bool]:
    """Merges guests as a set by address, each with its own fields. Answers the guests, remote order first, and
    whether some guest was changed differently on both sides (the remote one stands)."""
    was, ours, theirs = _by_address(base), _by_address(local), _by_address(remote)
    merged: list[Attendee] = []
    is_contested = False
    for address in dict.fromkeys([*theirs, *ours]):
        before, here, there = was.get(address), ours.get(address), theirs.get(address)
        chosen, contested = _merge_attendee(before, here, there)
        is_contested = is_contested or contested
        if chosen is not None:
            merged.append(chosen)
    return tuple(merged), is_contested


def resolve_lost_write(base: Content, attempts: Sequence[Content], remote: Content) -> Content:
    """The base to merge against while it is unknown which of our writes arrived: units in which the remote equals what
    one of them meant to write count as agreed, so that our own lost or late write is not taken for theirs."""
    agreed = [name for name in UNITS if any(unit(sent, name) == unit(remote, name) for sent in attempts)]
    return with_units(base, remote, agreed)


def settle(sent: Content, local_now: Content, answer: Content) -> Content:
    """The local content after a write was answered: units nobody touched since take the provider's spelling."""
    untouched = [name for name in UNITS if unit(sent, name) == unit(local_now, name)]
    return with_units(local_now, answer, untouched)


def shortened_units(sent: Content, answer: Content) -> tuple[str, ...]:
    """Text units that the provider cut: the original goes to the history."""
    texts = ("summary", "description", "location")
    return tuple(
        name
        for name in texts
        if len(getattr(answer, name)) < len(getattr(sent, name))
        and getattr(sent, name).startswith(getattr(answer, name))
    )


def _merge_attendee(
    was: Attendee | None, ours: Attendee | None, theirs: Attendee | None
) -> tuple[Attendee | None, bool]:
    if ours == theirs or theirs == was:
        return ours, False
    if ours == was:
        return theirs, False
    if ours is None or theirs is None or was is None:
        return theirs if theirs is not None else None, ours is not None
    values: dict[str, object] = {}
    contested = False
    for field in Attendee.__struct_fields__:
        before, here, there = getattr(was, field), getattr(ours, field), getattr(theirs, field)
        values[field] = here if there == before else there
        contested = contested or (here != before and there != before and here != there)
    return msgspec.convert(values, Attendee), contested


def _by_address(guests: tuple[Attendee, ...]) -> dict[str, Attendee]:
    return {guest.email.lower(): guest for guest in guests}


def _differing(side: Content, target: Content) -> tuple[str, ...]:
    return tuple(name for name in UNITS if unit(side, name) != unit(target, name))
