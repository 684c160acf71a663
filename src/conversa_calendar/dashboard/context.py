"""What every page's frame needs."""

from typing import Any

from django.http import HttpRequest


def frame(request: HttpRequest) -> dict[str, Any]:
    member = getattr(request, "member", None)
    return {"member": member, "account": member.account if member else None}
