"""Google's refusals, mapped in one place to the decisions of `protocol` (reference: guide/errors, §8)."""

import msgspec

from conversa_calendar.providers import protocol
from conversa_calendar.providers.google.transport import Response

_BY_REASON: dict[str, type[protocol.ProviderError]] = {
    "authError": protocol.AccessTokenExpired,
    "userRateLimitExceeded": protocol.RateLimited,
    "rateLimitExceeded": protocol.RateLimited,
    "quotaExceeded": protocol.WritesPaused,
    "dailyLimitExceeded": protocol.OperatorError,
    "accessNotConfigured": protocol.OperatorError,
    "SERVICE_DISABLED": protocol.OperatorError,
    "fullSyncRequired": protocol.CursorExpired,
    "updatedMinTooLongAgo": protocol.CursorExpired,
    "deleted": protocol.Gone,
    "conditionNotMet": protocol.PreconditionFailed,
    "duplicate": protocol.AlreadyExists,
    "conflict": protocol.Transient,
    "insufficientPermissions": protocol.GrantDead,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": protocol.GrantDead,
    "notACalendarUser": protocol.Forbidden,
    "requiredAccessLevel": protocol.AccessLost,
    "pushNotSupportedForRequestedResource": protocol.PushRefused,
    "push.webhookUrlNotHttps": protocol.PushRefused,
    "push.webhookUrlUnauthorized": protocol.PushRefused,
    "push.channelTypeNotSupported": protocol.PushRefused,
    "channelIdNotUnique": protocol.AlreadyExists,
}


class _Item(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""
    location: str = ""


class _Error(msgspec.Struct, frozen=True):
    errors: tuple[_Item, ...] = ()
    details: tuple[_Item, ...] = ()
    message: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    error: _Error = _Error()


def of(response: Response, *, is_write: bool, had_precondition: bool = False) -> protocol.ProviderError:
    """The error that an answer with status ≥ 300 means."""
    envelope = _parsed(response.body)
    items = (*envelope.error.errors, *envelope.error.details)
    reason = next((item.reason for item in items if item.reason), "")
    location = next((item.location for item in items if item.location), "")
    kind = _kind(response.status, reason, location, is_write, had_precondition)
    retry_after = response.headers.get("retry-after", "")
    return kind(
        envelope.error.message or f"Google answered {response.status}.",
        reason=reason or str(response.status),
        retry_after_s=float(retry_after) if retry_after.isdecimal() else None,
    )


def _kind(
    status: int, reason: str, location: str, is_write: bool, had_precondition: bool
) -> type[protocol.ProviderError]:
    if status >= 500:
        return protocol.OutcomeUnknown if is_write else protocol.Transient
    if status == 412 and not had_precondition:
        return protocol.Transient
    if location == "pageToken":
        return protocol.PageExpired
    if location == "syncToken" and status in {400, 410}:
        return protocol.CursorExpired
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    return _by_status(status)


def _by_status(status: int) -> type[protocol.ProviderError]:
    match status:
        case 401:
            return protocol.AccessTokenExpired
        case 403:
            return protocol.Forbidden
        case 404:
            return protocol.NotFound
        case 409:
            return protocol.AlreadyExists
        case 410:
            return protocol.Gone
        case 412:
            return protocol.PreconditionFailed
        case 429:
            return protocol.RateLimited
        case _ if 300 <= status < 400:
            return protocol.Transient
        case _:
            return protocol.BadData


def _parsed(body: bytes) -> _Envelope:
    try:
        return msgspec.json.decode(body, type=_Envelope)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _Envelope()
