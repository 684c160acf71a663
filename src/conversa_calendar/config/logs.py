"""Log lines that nobody but the product can begin: what others wrote stands in them, and never forms one of its own."""

import logging
import unicodedata


class OneLine(logging.Formatter):
    """One record, one line; the lines of a traceback are set in."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _escaped(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        text = super().formatException(ei)  # type: ignore[arg-type]
        return "\n".join(f"  {_escaped(line)}" for line in text.split("\n"))


def _escaped(text: str) -> str:
    """Control characters, and those that turn the direction of writing, by their names in Python."""
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else c
        for c in text
    )
