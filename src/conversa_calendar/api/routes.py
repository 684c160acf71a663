"""The API object and its routers."""

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
)
from conversa_calendar.api.auth import Bearer

api = NinjaAPI(
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
