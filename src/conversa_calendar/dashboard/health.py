"""Is it alive, is it ready, and how is it doing."""

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, F, Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from conversa_calendar.connections import readiness
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import MirrorRun

RETRY_S = 5


@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Ready when database, role, tables and keys are as they must be."""
    try:
        last = readiness.answers()[-1]
        status = "ok" if last.is_good else last.public
    except DatabaseError:
        status = "database unavailable"
    if status == "ok":
        return JsonResponse({"status": status})
    return JsonResponse({"status": status}, status=503, headers={"Retry-After": str(RETRY_S)})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: installation-wide counts without tenant data. Behind a bearer token once one is set."""
    if settings.METRICS_TOKEN and not constant_time_compare(
        request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"
    ):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    now = clock.now()
    counts = MirrorRun.objects.aggregate(
        mirrors=Count("mirror_id"),
        active=Count("mirror_id", filter=Q(is_active=True)),
        dirty=Count("mirror_id", filter=Q(wanted__gt=F("done"))),
        leased=Count("mirror_id", filter=Q(leased_until__gt=now)),
        waiting=Count("mirror_id", filter=Q(next_attempt_at__gt=now)),
    )
    lines = [f"conversa_mirrors_{name} {value}" for name, value in counts.items()]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")
