"""Compiles the catalogues of texts, so that `gettext` finds them; `--update` first brings them in step with the code."""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages import extract, mofile, pofile
from babel.messages.catalog import Catalog
from django.utils.translation.template import templatize

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "conversa_calendar"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
}
Text = str | tuple[str, str]
"""A text, or its singular and plural."""


def main() -> int:
    for path in sorted(PACKAGE.glob("locale/*/LC_MESSAGES/*.po")):
        if "--update" in sys.argv:
            _update(path)
        with path.open("rb") as source, path.with_suffix(".mo").open("wb") as target:
            mofile.write_mo(target, pofile.read_po(source))
    return 0


def texts() -> Iterator[Text]:
    """Every text of code and pages that asks for a translation; of a text that counts, singular and plural."""
    sources = [path.read_text() for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts]
    sources += [templatize(path.read_text()) for path in PACKAGE.rglob("*.html")]
    for source in sources:
        for _line, function, found, _comments in extract.extract_python(BytesIO(source.encode()), KEYWORDS, (), {}):
            if function.startswith("ngettext"):
                one, many, *_rest = found
                yield one, many
            elif name := found[-1] if isinstance(found, tuple) else found:
                yield name


def _update(path: Path) -> None:
    """Adds what is new, with an empty translation to be filled in, and drops what is no longer used."""
    with path.open("rb") as source:
        known = pofile.read_po(source)
    fresh = Catalog(locale=known.locale, project="ConversaLabs Calendar", fuzzy=False)
    for name in sorted(set(texts()), key=str):
        message = known.get(name)
        fresh.add(name, message.string if message else "", flags=["python-format"] if "%(" in str(name) else [])
        if message is None or "" in (message.string, *message.string):
            print(f"{path.parent.parent.name}: {name}")
    written = BytesIO()
    pofile.write_po(written, fresh, width=0, sort_output=True)
    dated = (
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Last-Translator",
        "Language-Team",
        "Generated-By",
        "Report-Msgid",
    )
    lines = [
        line for line in written.getvalue().decode().splitlines() if not line.startswith(tuple(f'"{d}' for d in dated))
    ]
    while lines and lines[0].startswith("#"):
        del lines[0]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
