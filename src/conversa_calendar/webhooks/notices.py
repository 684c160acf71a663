"""Turning an endpoint off, with the reason on its page and a mail to the administrators."""

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.kit import clock
from conversa_calendar.webhooks.models import Endpoint, EndpointRun

SILENT = gettext_noop("It took no message for three days.")
GONE = gettext_noop("It answered that it is gone for good (410).")
KEY_LOST = gettext_noop("The key of its secret is lost. Rotate its secret, then turn it on.")
NOBODY = gettext_noop("Whoever set it up is no longer here, so nobody says what it may read.")

TOKEN = gettext_noop(
    "The token by which it was set up has ended. Whoever turns it on again is who says what it may read."
)


def turn_off(found: Endpoint, reason: str) -> None:
    """Within a transaction that has the endpoint locked. What was not delivered waits until somebody turns it on."""
    found.is_on, found.off_reason, found.off_at = False, reason, clock.now()
    found.save(update_fields=["is_on", "off_reason", "off_at"])
    EndpointRun.objects.filter(endpoint_id=found.pk).update(is_on=False)
    for member in accounts.administrators():
        with translation.override(member.language or settings.LANGUAGE_CODE):
            OutgoingMail(to=member.user.email, subject=_("A webhook was turned off"), body=_body(found, reason)).save(
                force_insert=True
            )


def _body(found: Endpoint, reason: str) -> str:
    lines = [
        _("Nothing is sent to %(url)s any more.") % {"url": found.url},
        _(reason),
        _(
            "What was not delivered waits. Turn the webhook on again once its receiver answers; nothing is lost for 60 days."
        ),
    ]
    if settings.PUBLIC_URL:
        lines.append(_("Webhooks: %(url)s") % {"url": f"{settings.PUBLIC_URL}/settings/webhooks"})
    return "\n\n".join(lines)
