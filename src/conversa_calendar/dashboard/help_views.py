"""The user guide, served inside the product as `docs/guide` shows it too."""

import re
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from markdown_it import MarkdownIt

from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.dashboard.guards import MemberRequest, page

GUIDE = Path(__file__).parent / "guide"
TOPICS = ("start", "connect", "choose", "assign", "people", "conflicts", "formats", "troubleshooting", "disconnect")


@require_GET
@page(is_module=False)
def topic(request: MemberRequest, name: str) -> HttpResponse:
    """One page of the guide."""
    if name not in TOPICS:
        raise NotFound
    titles = {
        "start": _("In short"),
        "connect": _("Connect"),
        "choose": _("Choose calendars"),
        "assign": _("Assign"),
        "people": _("People, roles and tokens"),
        "conflicts": _("Conflicts and trash"),
        "formats": _("Feeds, files and answers by mail"),
        "troubleshooting": _("Troubleshooting"),
        "disconnect": _("Disconnect"),
    }
    language = _spoken(name, get_language() or "")
    context = {"topics": [(key, titles[key]) for key in TOPICS], "topic": name, "title": titles[name]}
    text = mark_safe(_rendered(name, language))  # our own pages
    return render(request, "dashboard/help.html", context | {"text": text, "spoken": language})


@require_GET
@page(is_module=False)
def picture(request: MemberRequest, name: str) -> HttpResponse:
    """A picture of the guide."""
    path = GUIDE / "pictures" / f"{name}.png"
    if not path.exists():
        raise NotFound
    return HttpResponse(path.read_bytes(), content_type="image/png")


def _spoken(name: str, language: str) -> str:
    """The language in which a topic can be read: the wanted one where the guide has it, else English."""
    is_known = language in dict(settings.LANGUAGES) and (GUIDE / language / f"{name}.md").exists()
    return language if is_known else "en"


@lru_cache
def _rendered(name: str, language: str) -> str:
    folder = GUIDE if language == "en" else GUIDE / language
    text = (folder / f"{name}.md").read_text("utf-8")
    html = MarkdownIt("commonmark").enable("table").render(text).replace('src="../pictures/', 'src="pictures/')
    return re.sub(r'href="(\w+)\.md"', r'href="\1"', html)
