"""Every code that a problem can carry: with which statuses, what it means, and what to do."""

from typing import NamedTuple


class Code(NamedTuple):
    """One kind of refusal. `is_passing`: the same request may succeed later without anybody changing anything."""

    statuses: tuple[int, ...]
    means: str
    remedy: str
    is_passing: bool = False


CODES: dict[str, Code] = {
    "bad_request": Code((400,), "The request cannot be read.", "Send JSON."),
    "unauthenticated": Code((401,), "There is no token, or it no longer works.", "Send `Authorization: Bearer …` with a living token."),
    "scope_missing": Code((403,), "The token lacks the scope that this needs.", "Make a token with the scope that `detail` names."),
    "forbidden": Code((403,), "The member, whose token it is, may not do this.", "Ask an administrator for the permission."),
    "token_limited": Code((403,), "The token reaches some calendars only, and this needs more.", "Use a token without such a limit."),
    "read_only": Code((403,), "This event or calendar cannot be changed by you here.", "`detail` says why; change it where it may be changed."),
    "not_enabled": Code((403,), "The Calendar module is off for the account.", "`administrators` names who can switch it on."),
    "not_allowed": Code((409,), "The member may no longer connect calendars.", "Ask an administrator."),
    "not_found": Code((404,), "There is no such thing, or you may not know of it.", "Check the id and the token's reach."),
    "method_not_allowed": Code((405,), "The address exists, but not with this method.", "`Allow` names the methods."),
    "conflict": Code((409,), "Two requests met in one place.", "Read again, then repeat.", True),
    "unsent_changes": Code((409,), "Edits have not reached the provider; `events` names them.", "Say `unsent=send`, or `unsent=leave` to leave them behind."),
    "taken": Code((409,), "The time is not free any more.", "Book one of the `alternatives`."),
    "idempotency_conflict": Code((409,), "This Idempotency-Key came with another body before.", "Use a new key for a new request."),
    "not_running": Code((409,), "The mirror rests, or its first sync is not finished.", "Wait for the first sync, or resume the mirror.", True),
    "permission_needed": Code((409,), "Google must allow it first.", "Put the calendar into Google once from the pages."),
    "not_configured": Code((409,), "The operator has not set up Google yet.", "Tell the operator."),
    "google_trouble": Code((409, 503), "Google refused or did not answer; `reason` is its word.", "503: try again later. 409: connect the Google account again.", True),
    "cursor_expired": Code((410,), "Changes since this cursor are not kept any more.", "Read everything anew, then go on from the `cursor` in the answer."),
    "changed": Code((412,), "Somebody changed it since you read it.", "Read it, apply your change to what stands now, send that with its `etag`."),
    "too_large": Code((413,), "The request is too large.", "Send less at once."),
    "invalid": Code((422,), "Something in the request cannot be taken; `errors` names the field.", "Correct the field."),
    "refused": Code((422,), "What is asked for is not possible as things stand.", "`detail` says why."),
    "scope_required": Code((422,), "The event is a series: say which part of it is meant.", "Add `scope`, and `occurrence` unless you mean all."),
    "rate_limited": Code((429,), "Too many requests.", "Wait for the seconds in `Retry-After`.", True),
    "internal": Code((500,), "Something went wrong on our side, and it has been noted.", "Try again; if it stays, tell the operator the `request_id`.", True),
    "unavailable": Code((503,), "The calendar cannot be reached at the moment; nothing was changed.", "Wait for the seconds in `Retry-After`.", True),
}  # fmt: skip
"""In the order in which a caller meets them."""
STATUSES = {
    400: "The request cannot be read",
    401: "There is no token that works",
    403: "This token, or its member, may not do it",
    404: "There is no such thing here",
    409: "Something else stands in the way",
    410: "It is not kept any more",
    412: "Somebody changed it since you read it",
    413: "The request is too large",
    422: "Something in the request cannot be taken",
    429: "Too many requests",
    503: "Not at the moment",
}
