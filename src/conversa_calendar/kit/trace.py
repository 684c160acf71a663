"""The name of the request that is being answered: on its answer, in the error that a person reads, on every line logged."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from conversa_calendar.kit import ids

_current: ContextVar[str] = ContextVar("request_id", default="")


@contextmanager
def named() -> Iterator[str]:
    """A fresh name, for as long as one request is answered."""
    name = ids.new_uuid().hex
    token = _current.set(name)
    try:
        yield name
    finally:
        _current.reset(token)


def current() -> str:
    """The name of the request; empty outside of one."""
    return _current.get()


class Stamp(logging.Filter):
    """Gives every log record the request that it belongs to, as `request_id`."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current() or getattr(getattr(record, "request", None), "request_id", "-")
        return True
