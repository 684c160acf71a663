"""The tables of `docs/api.md` that say what the code says: `--write` brings them up to date, without it what differs is told."""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "api.md"


def main() -> int:
    _set_up()
    text = GUIDE.read_text()
    now = filled(text)
    if sys.argv[1:] == ["--write"]:
        GUIDE.write_text(now)
    elif now != text:
        print("docs/api.md says other than the code: run `make openapi` and commit it.", file=sys.stderr)
        return 1
    return 0


def filled(text: str) -> str:
    """The guide with its tables as the code has them."""
    for name, table in tables().items():
        pattern = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        text = pattern.sub(lambda found, table=table: f"{found.group(1)}\n{table}\n{found.group(2)}", text)
    return text


def tables() -> dict[str, str]:
    """Each table by its name."""
    from conversa_calendar.accounts.permissions import SCOPE_NAMES, SCOPE_NEEDS
    from conversa_calendar.api import auth, idempotency
    from conversa_calendar.api.contract.codes import CODES
    from conversa_calendar.bookings import availability
    from conversa_calendar.calendars import parsing, schema, selectors, validation
    from conversa_calendar.kit import reading

    scopes = [
        (f"`{name}`", str(says), f"`{SCOPE_NEEDS[name]}`" if name in SCOPE_NEEDS else "")
        for name, says in SCOPE_NAMES.items()
    ]
    errors = [
        (f"`{name}`", ", ".join(map(str, code.statuses)), code.means, code.remedy, "passing" if code.is_passing else "")
        for name, code in CODES.items()
    ]
    limits = [
        ("Requests of a token a minute", auth.REQUESTS_A_MINUTE),
        ("Days of a range of events", selectors.RANGE_MAX.days),
        ("Days of a range of free times", availability.RANGE_MAX.days),
        ("Characters of a title or a place", schema.LIMITS["summary"]),
        ("Characters of a description", schema.LIMITS["description"]),
        ("Guests of an event", validation.GUESTS_MAX),
        ("Reminders of an event", validation.REMINDERS_MAX),
        ("References of an event", parsing.REFERENCES_MAX),
        ("Characters of any text", reading.TEXT_MAX),
        ("Hours for which an Idempotency-Key is kept", int(idempotency.KEPT.total_seconds() // 3600)),
    ]
    return {
        "scopes": _table(("Scope", "Allows", "Needs the permission"), scopes),
        "errors": _table(("Code", "Status", "Means", "What to do", ""), errors),
        "limits": _table(("What", "At most"), [(what, f"{most:,}") for what, most in limits]),
    }


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _cell in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _set_up() -> None:
    os.environ.setdefault("DATABASE_URL", "postgresql://unused/unused")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversa_calendar.config.settings")
    import django

    django.setup()


if __name__ == "__main__":
    sys.exit(main())
