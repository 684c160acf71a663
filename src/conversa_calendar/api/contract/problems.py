"""What a refusal looks like: problem+json (RFC 9457) with a stable code."""

from conversa_calendar.api.contract.codes import CODES
from conversa_calendar.api.contract.shapes import (
    Operation,
    Schema,
    answer,
    either,
    enum,
    identity,
    instant,
    many,
    ref,
    text,
    whole,
)

SCHEMAS: dict[str, Schema] = {
    "ProblemCode": enum(CODES, "What went wrong, for programs. docs/api.md says what to do about each."),
    "FieldError": answer(
        "What is wrong with one field.",
        field=text("Where it stands, like `attendees[0].email`.", example="start"),
        message=text("Words for people.", example="This is not a date or time."),
    ),
    "Alternative": answer("Another time that is free.", start=instant()),
    "UnsentEvent": answer(
        "An edit that has not reached the provider.",
        id=identity("The event."),
        summary=text(example="Review"),
        calendar=text("By name.", example="Work"),
        what=enum(("edited", "created", "deleted")),
    ),
    "Problem": answer(
        "A refusal. `code` is for programs, `detail` for people; the rest is there where it helps.",
        optional=(
            "errors",
            "retry_after_s",
            "alternatives",
            "etag",
            "administrators",
            "offered",
            "reason",
            "count",
            "events",
            "cursor",
        ),
        type=text(example="/problems/invalid"),
        title=text(example="invalid"),
        status=whole(least=400, most=599, example=422),
        code=ref("ProblemCode"),
        detail=text(example="This is not a date or time."),
        request_id=text("Name it when you ask somebody about it.", example="7f2c6a1e7c3b49d5af2b8a4e6c1d9012"),
        errors=many(ref("FieldError")),
        retry_after_s=whole("Seconds to wait.", least=0),
        alternatives=many(ref("Alternative"), "With code taken."),
        etag=text("With code changed: what stands now.", example='"17-4"'),
        count=whole("With code unsent_changes: how many.", least=0),
        events=many(ref("UnsentEvent"), "With code unsent_changes: which, a few of them."),
        cursor=text("With code cursor_expired: where to go on from.", example="812.4471"),
        administrators=many(text(example="Alice Lima"), "With code not_enabled: who can switch it on."),
        offered=many(either(whole(example=30), text(example="en")), "What could have been chosen."),
        reason=text("With code google_trouble: Google's own word.", example="quotaExceeded"),
    ),
}
OPERATIONS: dict[str, Operation] = {}
