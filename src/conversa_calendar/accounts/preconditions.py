"""What somebody read before they changed it: an etag for everything that can be edited, and the question whether it still
stands."""

from conversa_calendar.kit import digest


class Changed(Exception):
    """It changed since the caller read it; `etag` is that of what it is now."""

    def __init__(self, etag: str) -> None:
        super().__init__("It changed since you opened it.")
        self.etag = etag


def tag(*values: object) -> str:
    """The etag of something by all of it that can be edited."""
    return f'"{digest.of([str(value) for value in values])[:20]}"'


def hold(if_match: str, etag: str) -> None:
    """Raises Changed unless what the caller read is what stands; an empty precondition and `*` ask for nothing."""
    wanted = {part.strip().removeprefix("W/") for part in if_match.split(",") if part.strip()}
    if wanted and not wanted & {etag, "*"}:
        raise Changed(etag)
