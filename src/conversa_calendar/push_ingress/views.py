"""`POST /push/google`: checks the channel, marks its mirror, wakes a worker, and says the same to everyone."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from conversa_calendar.sync.mirrors import channels

HEADER_MAX = 300


@csrf_exempt
@require_POST
def google(request: HttpRequest) -> HttpResponse:
    """Answers 204 to known and unknown channels alike; the body is never read."""
    names = ("X-Goog-Channel-ID", "X-Goog-Channel-Token", "X-Goog-Resource-ID", "X-Goog-Channel-Expiration")
    sent = [request.headers.get(name, "")[:HEADER_MAX] for name in names]
    with transaction.atomic():
        channels.accept_notification(*sent)
    return HttpResponse(status=204)
