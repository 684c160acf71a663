"""Who acts, and what every act has in common.

An act is the one way to change something for somebody: pages, the API and whatever else comes in call nothing else. It
says in whose name it is done, which everything that it writes carries (histories, the change feed, bookings), and all of
it happens or nothing. Each part has its acts beside its one function that decides rights; `ACTS` has them all.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import msgspec
from django.db import transaction

from conversa_calendar.accounts import grants, tenancy
from conversa_calendar.accounts.grants import Giver
from conversa_calendar.accounts.models import ApiToken, Member
from conversa_calendar.accounts.permissions import ALL
from conversa_calendar.accounts.refusals import Refused

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound="Doer")


class By(StrEnum):
    """The kinds of those who do something."""

    MEMBER = "member"
    TOKEN = "token"
    """A program, by an API token that acts as its member."""
    VISITOR = "visitor"
    """Who booked, by their private link or a public page."""
    GUEST = "guest"
    """Who was invited, by the link in their mail."""
    GOOGLE = "google"
    """Somebody at Google; sync brought it."""
    SYNC = "sync"
    """Sync itself, which settles what both sides say."""
    PLATFORM = "platform"
    """This installation or its operator."""


class Who(msgspec.Struct, frozen=True):
    """Who does something, by kind and, beside members, by a name for people."""

    kind: By
    name: str = ""


PLATFORM = Who(By.PLATFORM)
_who: ContextVar[Who | None] = ContextVar("who", default=None)


@contextmanager
def by(who: Who) -> Iterator[None]:
    """What is written within is done by them."""
    if who == _who.get():
        yield
        return
    token = _who.set(who)
    try:
        with tenancy.done_by(who.kind):
            yield
    finally:
        _who.reset(token)


def current(actor: Member | None = None) -> Who:
    """Who does what is written now: as the act said, else the member in whose name it is written, else nobody but this
    installation."""
    return _who.get() or (Who(By.MEMBER) if actor is not None else PLATFORM)


class Doer(Protocol):
    """Whoever an act is done for."""

    @property
    def who(self) -> Who: ...


class Viewer(msgspec.Struct, frozen=True):
    """Somebody who looks and acts: a member, perhaps through a token that sees only some calendars or no private events,
    or may do less than its member."""

    member: Member
    sees_private: bool = True
    only_calendars: frozenset[str] | None = None
    """The outside ids of the calendars that may be looked at, perhaps of none; None for all."""
    token: ApiToken | None = None

    @property
    def who(self) -> Who:
        return Who(By.MEMBER) if self.token is None else Who(By.TOKEN, self.token.name)

    @property
    def account_id(self) -> int:
        return self.member.account_id

    @property
    def giver(self) -> Giver:
        """What they may give to others."""
        return grants.giver(self.member, (ALL,) if self.token is None else self.token.scopes)

    @property
    def is_limited(self) -> bool:
        """Whether they reach some calendars only."""
        return self.only_calendars is not None


class Refusal(msgspec.Struct, frozen=True):
    """Why somebody may not do something: a stable code for programs, a sentence for people. `invalid` and `refused` where
    it is not a matter of a permission."""

    code: str
    reason: str


class NotAllowed(Exception):
    """The viewer may not do that."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class NotFound(Exception):
    """There is no such thing, or the viewer may not know of it."""


ACTS: dict[StrEnum, list[Callable[..., Any]]] = {}
"""Every act of the product, and the functions that do it."""


def does(
    *acts: StrEnum, is_whole: bool = True
) -> Callable[[Callable[Concatenate[D, P], T]], Callable[Concatenate[D, P], T]]:
    """Makes a function an act, or several, of its first argument's: it is done in their name, and all of it or nothing.
    `is_whole` false is for one that asks a provider on its way and opens its own transactions."""

    def decorate(function: Callable[Concatenate[D, P], T]) -> Callable[Concatenate[D, P], T]:
        @wraps(function)
        def done(doer: D, /, *args: P.args, **kwargs: P.kwargs) -> T:
            with by(_who.get() or doer.who):  # an act that serves another one is done by whoever does that one
                if not is_whole:
                    return function(doer, *args, **kwargs)
                with transaction.atomic():
                    return function(doer, *args, **kwargs)

        for act in acts:
            ACTS.setdefault(act, []).append(done)
        done.conversa_acts = acts  # type: ignore[attr-defined]
        return done

    return decorate


def power(check: Callable[..., None], *args: Any) -> Refusal | None:
    """A rule of `grants` as an answer instead of an error."""
    try:
        check(*args)
    except Refused as error:
        return Refusal("refused", str(error))
    return None
