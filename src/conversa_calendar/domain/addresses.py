"""Which mail addresses are taken: the one check for every door.

The standard also allows a quoted local part, in which nearly everything may stand, line breaks of one sort or another
included. Whoever writes such an address writes headers and calendar files of other people's mail. Nobody is reached by
one in practice, so none is taken; a guest who comes with one from Google is kept as it is, and never written to.
"""

import re

LONGEST, LOCAL_LONGEST = 254, 64
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HERE = "localhost"


def is_usable(address: str) -> bool:
    """Whether mail may go to this address, as it is: without space around it, quotes, or anything that breaks a line."""
    local, at, domain = address.rpartition("@")
    if not at or len(address) > LONGEST or len(local) > LOCAL_LONGEST or not _LOCAL.fullmatch(local):
        return False
    return domain.lower() == _HERE or _is_domain(domain)


def _is_domain(domain: str) -> bool:
    """Whether it is a name of at least two labels, in whatever script, without invisible characters."""
    if not domain.isprintable():
        return False
    try:
        labels = domain.encode("idna").decode("ascii").lower().split(".")
    except UnicodeError:
        return False
    return len(labels) > 1 and len(labels[-1]) > 1 and all(_LABEL.fullmatch(label) for label in labels)
