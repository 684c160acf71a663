"""Every tenant row is read and written inside `tenant(account_id)`: a transaction that tells PostgreSQL the account.

Row-level security is the wall; the manager here only makes forgetting it an error instead of an empty answer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self, TypeVar

from django.db import OperationalError, connection, models, transaction

from conversa_calendar.kit import clock, ids

_account: ContextVar[int | None] = ContextVar("account", default=None)
_doer: ContextVar[str] = ContextVar("doer", default="")
"""The kind of who does what is written, for the change feed, which the database writes itself."""
M = TypeVar("M", bound=models.Model)
T = TypeVar("T")
ATTEMPTS_MAX = 5
CLASH_WAIT_S = 0.05


class ScopeMissing(Exception):
    """Tenant rows were touched outside `tenant(...)`, or inside another tenant's."""


@contextmanager
def tenant(account_id: int) -> Iterator[None]:
    """One transaction in the scope of one account. Nested for the same account it joins the one around it."""
    current = _account.get()
    if current is not None:
        if current != account_id:
            raise ScopeMissing(f"already inside account {current}, not {account_id}")
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            query = "SELECT set_config('app.account', %s, true), set_config('app.by', %s, true)"
            cursor.execute(query, [str(account_id), _doer.get()])
        token = _account.set(account_id)
        try:
            yield
        finally:
            _account.reset(token)


@contextmanager
def done_by(kind: str) -> Iterator[None]:
    """What is written within, and later in the same transaction, is done by somebody of this kind."""
    token = _doer.set(kind)
    if _account.get() is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.by', %s, true)", [kind])
    try:
        yield
    finally:
        _doer.reset(token)


def in_tenant(account_id: int, work: Callable[[], T]) -> T:
    """Runs `work` as one transaction of an account, anew when PostgreSQL ended it in favour of another one."""
    for attempt in range(1, ATTEMPTS_MAX):
        try:
            with tenant(account_id):
                return work()
        except OperationalError as error:
            if not is_clash(error):
                raise
            clock.sleep(ids.jitter(CLASH_WAIT_S * attempt, 0.5))
    with tenant(account_id):
        return work()


def is_clash(error: OperationalError) -> bool:
    """Whether a transaction was ended for the sake of another: a deadlock, a serialisation failure, a lock waited for
    too long. It may be tried again."""
    return getattr(error.__cause__, "sqlstate", "") in {"40P01", "40001", "55P03"}


@contextmanager
def person(user_id: int) -> Iterator[None]:
    """One transaction in which a signed-in user may find their own memberships, in whichever account."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.user', %s, true)", [str(user_id)])
        yield


def current_account() -> int:
    """The account of the scope. Raises ScopeMissing."""
    account_id = _account.get()
    if account_id is None:
        raise ScopeMissing("tenant rows need tenant(account_id)")
    return account_id


def is_inside_another(account_id: int) -> bool:
    """Whether this is the scope of an account other than this one."""
    return _account.get() not in {None, account_id}


class TenantManager(models.Manager[M]):
    """Answers rows of the scope's account only; raises ScopeMissing without a scope."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().filter(account_id=current_account())


class TenantModel(models.Model):
    """A row that belongs to exactly one account, taken from the scope when it is created."""

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")

    objects = TenantManager[Self]()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.account_id is None:
            self.account_id = current_account()
        super().save(*args, **kwargs)


def tenant_key(to: str | type[models.Model], **options: Any) -> Any:
    """A foreign key between rows of one account; the migration adds the composite constraint that enforces it."""
    options.setdefault("on_delete", models.CASCADE)
    return models.ForeignKey(to, db_constraint=False, **options)


def account_by_reference() -> Any:
    """The account of a table written in bulk: its other composite keys already prove that the account exists, so a key
    of its own would only cost a check on every row."""
    return models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+", db_constraint=False)
