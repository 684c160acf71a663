"""Webhooks: where messages about changes go, and what became of each."""

from conversa_calendar.api.contract.shapes import (
    Operation,
    Schema,
    answer,
    body,
    enum,
    identity,
    instant,
    listing,
    many,
    nullable,
    ref,
    switch,
    text,
    url,
    whole,
)
from conversa_calendar.webhooks.models import DELIVERED, FAILED, WAITING
from conversa_calendar.webhooks.reading import KINDS

ADDRESS = "https://desk.example.com/calendar"
_FIELDS = {
    "url": url("Where messages go: a public address by https.", example=ADDRESS),
    "description": text("What it is for.", most=200, example="Desk"),
    "kinds": many(ref("ChangeKind"), "What it hears of; all that may be read when not said.", least=1),
    "calendars": many(identity(), "Only these calendars; all when empty."),
    "private": switch("Whether the viewer's own private events are told with their words."),
    "on": switch("Whether messages are sent.", example=True),
}
SCHEMAS: dict[str, Schema] = {
    "ChangeKind": enum(KINDS, "What changed."),
    "Webhook": answer(
        "Where messages about changes go.",
        {"secret": nullable(text("What signs the messages. Told only when it was just made.", example="whsec_…"))},
        optional=("secret",),
        id=identity(),
        **_FIELDS,
        off_reason=text(
            "Why it was turned off; empty when somebody did that.", example="It took no message for three days."
        ),
        off_at=nullable(instant()),
        viewer=nullable(identity("The member whose sight counts: whoever last said what goes where.")),
        former_secret_until=nullable(instant("Until when the secret before signs as well.")),
        last_success_at=nullable(instant("When a message was last taken.")),
        created_at=instant(),
        etag=text("What `If-Match` takes.", example='"4c1d2f7a9b3e5d6c8f01"'),
    ),
    "WebhookList": listing("Webhook", "Webhooks, without their secrets."),
    "WebhookInput": body("Where messages are to go.", needs=("url",), **_FIELDS),
    "WebhookChange": body("What is to be different.", **_FIELDS),
    "DeliveryState": enum((WAITING, DELIVERED, FAILED), "What became of a message."),
    "Delivery": answer(
        "One message and what became of it, without any of its words.",
        id=text("The `webhook-id` of its header.", example="msg_0198c7f26a1e7c3b9d5f2b8a4e6c1d90"),
        type=text(example="booking.rescheduled"),
        object=text("The id of what it tells of.", example="0198c7f2-6a1e-7c3b-9d5f-2b8a4e6c1d90"),
        at=instant("When it happened."),
        state=ref("DeliveryState"),
        attempts=whole("How often it was sent.", least=0),
        status=nullable(whole("The status that the receiver answered last.", example=204)),
        error=text("Why there was no answer; empty when there was one.", example="could not be reached"),
        next_attempt_at=nullable(instant()),
        ended_at=nullable(instant()),
    ),
    "DeliveryList": listing("Delivery", "Messages, latest first.", is_paged=True),
    "ReplayInput": body(
        "What is to be sent again.",
        needs=("since",),
        since=text("A cursor of `changes`: everything behind it.", example="812.4471.1795000000", least=1),
    ),
}
OPERATIONS: dict[str, Operation] = {
    "list_webhooks": Operation(answer=ref("WebhookList")),
    "add_webhook": Operation(answer=ref("Webhook"), body=ref("WebhookInput"), secrets=("secret",)),
    "get_webhook": Operation(answer=ref("Webhook")),
    "change_webhook": Operation(answer=ref("Webhook"), body=ref("WebhookChange")),
    "delete_webhook": Operation(answer=None),
    "rotate_webhook": Operation(answer=ref("Webhook")),
    "test_webhook": Operation(answer=ref("Delivery")),
    "replay_webhook": Operation(answer=ref("Webhook"), body=ref("ReplayInput"), refuses=(410,)),
    "list_deliveries": Operation(answer=ref("DeliveryList")),
}
