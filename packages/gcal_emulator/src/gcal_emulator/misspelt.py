"""Orders that are not understood, and the nearest that would be."""

import difflib
from collections.abc import Iterable


class BadOrder(Exception):
    """An order that is not understood, in words that name the nearest that is."""


def unknown(what: str, given: object, known: Iterable[object]) -> BadOrder:
    """A refusal that names the nearest known word."""
    names = [str(name) for name in known]
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(names)[:20])}" if names else ""
    return BadOrder(f"unknown {what} {given!r}{hint}")
