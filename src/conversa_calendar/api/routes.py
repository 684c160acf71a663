"""The API object and its routers."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from conversa_calendar.api import (
    account_routes,
    booking_routes,
    calendar_routes,
    change_routes,
    connection_routes,
    event_routes,
    format_routes,
    grant_routes,
    problems,
    webhook_routes,
)
from conversa_calendar.api.auth import Bearer
from conversa_calendar.api.contract.document import Document


@cache
def _document(prefix: str) -> Document:
    return Document(api, prefix)


class Api(NinjaAPI):
    """Its document is the contract's; its answers say their version in a header where they have one."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> Document:
        return _document(self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)

    def create_response(self, request: HttpRequest, data: Any, **more: Any) -> HttpResponse:
        answer = super().create_response(request, data, **more)
        if isinstance(data, dict) and "etag" in data:
            answer["ETag"] = data["etag"]
        return answer


api = Api(
    title="ConversaLabs Calendar",
    version="1.0",
    description="Calendars, events and their two-way sync with Google Calendar. Enum values are Google's.",
    auth=Bearer(),
    openapi_url="/openapi.json",
    docs_url=None,
    urls_namespace="api",
)
problems.install(api)
api.add_router("", account_routes.router)
api.add_router("", grant_routes.router)
api.add_router("", calendar_routes.router)
api.add_router("", event_routes.router)
api.add_router("", change_routes.router)
api.add_router("", connection_routes.router)
api.add_router("", booking_routes.router)
api.add_router("", format_routes.router)
api.add_router("", webhook_routes.router)
