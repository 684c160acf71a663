"""Every address of the product."""

from django.urls import include, path

from conversa_calendar.api.reference import reference
from conversa_calendar.api.routes import api
from conversa_calendar.dashboard import feed_views, health
from conversa_calendar.push_ingress import views as push

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("push/google", push.google, name="push_google"),
    path("feeds/<str:secret>.ics", feed_views.read, name="read_feed"),
    path("api/v1/docs", reference, name="api_reference"),
    path("api/v1/", api.urls),
    path("", include("conversa_calendar.booking_pages.urls")),
    path("", include("conversa_calendar.dashboard.urls")),
]

handler400 = "conversa_calendar.config.doors.bad_request"
handler403 = "conversa_calendar.config.doors.forbidden"
handler404 = "conversa_calendar.config.doors.not_found"
handler500 = "conversa_calendar.config.doors.failed"
