"""Forms as a browser sends them back: what a page shows, untouched but for what somebody changes."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class Form(HTMLParser):
    """The fields of one form of a page: the one whose HTML holds `mark`."""

    def __init__(self, html: str, mark: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._select, self._options, self._area = "", [], ""
        start = html.rfind("<form", 0, html.index(mark) + 1)
        self.feed(html[start : html.index("</form>", start)])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        name, value = values.get("name") or "", values.get("value") or ""
        if "disabled" in values or (not name and tag in {"input", "select", "textarea"}):
            return
        if tag == "input":
            kind = values.get("type") or "text"
            if kind == "checkbox" and "checked" in values:
                self.fields.setdefault(name, []).append(values.get("value") or "on")
            elif kind not in {"checkbox", "file", "submit"}:
                self.fields.setdefault(name, []).append(value)
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((value, "selected" in values))
        elif tag == "textarea":
            self._area = name
            self.fields[name] = [""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            chosen = [value for value, is_selected in self._options if is_selected][-1:]
            chosen = chosen or [value for value, _is in self._options[:1]]
            if chosen:
                self.fields[self._select] = chosen
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] = [self.fields[self._area][0] + data]


def filled(browser: Client, page: str, mark: str, **changes: Any) -> dict[str, list[str]]:
    """A form of a page with some fields changed; a field that is None is not sent."""
    fields = Form(browser.get(page).content.decode(), mark).fields
    for name, value in changes.items():
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value if isinstance(value, list) else [value]
    return fields
