"""Google's refusals, in the envelope of the Calendar backend (guide/errors) or of the token endpoint."""

from typing import Any


class GoogleError(Exception):
    """A refusal of Calendar API v3: answered as `{"error": {"errors": [...], "code", "message"}}`."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        domain: str = "global",
        location: str = "",
        location_type: str = "parameter",
        details: list[dict[str, Any]] | None = None,
        grpc_status: str = "",
        detail: str = "",
        challenge: str = "",
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.domain = domain
        self.location = location
        self.location_type = location_type
        self.details = details
        self.grpc_status = grpc_status
        self.detail = detail
        """What the item says, where that is not what the whole says."""
        self.challenge = challenge
        """The `WWW-Authenticate` header."""

    def body(self) -> dict[str, Any]:
        item: dict[str, Any] = {"domain": self.domain, "reason": self.reason, "message": self.detail or self.message}
        if self.location:
            item |= {"locationType": self.location_type, "location": self.location}
        error: dict[str, Any] = {"errors": [item], "code": self.status, "message": self.message}
        if self.grpc_status:
            error["status"] = self.grpc_status
        if self.details:
            error["details"] = self.details
        return {"error": error}


class OAuthError(Exception):
    """A refusal of the token or revoke endpoint: answered as `{"error", "error_description"}`."""

    def __init__(self, status: int, error: str, description: str = "") -> None:
        super().__init__(f"{error}: {description}")
        self.status = status
        self.error = error
        self.description = description


def not_found() -> GoogleError:
    return GoogleError(404, "notFound", "Not Found")


def invalid(message: str = "Invalid Value", location: str = "") -> GoogleError:
    return GoogleError(400, "invalid", message, location=location)


def required(message: str) -> GoogleError:
    return GoogleError(400, "required", message)


def forbidden(message: str = "Forbidden") -> GoogleError:
    return GoogleError(403, "forbidden", message)


def needs_writer() -> GoogleError:
    return GoogleError(
        403, "requiredAccessLevel", "You need to have writer access to this calendar.", domain="calendar"
    )


def full_sync_required() -> GoogleError:
    return GoogleError(
        410,
        "fullSyncRequired",
        "Sync token is no longer valid, a full sync is required.",
        domain="calendar",
        location="syncToken",
    )


def empty_range(location: str = "") -> GoogleError:
    return GoogleError(
        400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar", location=location
    )


_EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
_REALM = 'Bearer realm="https://accounts.google.com/"'


def unauthenticated() -> GoogleError:
    """A token that is unknown or over."""
    return GoogleError(
        401,
        "authError",
        f"Request had invalid authentication credentials. {_EXPECTED}",
        location="Authorization",
        location_type="header",
        grpc_status="UNAUTHENTICATED",
        detail="Invalid Credentials",
        challenge=f'{_REALM}, error="invalid_token"',
    )


def login_required() -> GoogleError:
    """No token at all."""
    return GoogleError(
        401,
        "required",
        f"Request is missing required authentication credential. {_EXPECTED}",
        location="Authorization",
        location_type="header",
        grpc_status="UNAUTHENTICATED",
        detail="Login Required.",
        challenge=_REALM,
    )


def scope_insufficient(method: str) -> GoogleError:
    return GoogleError(
        403,
        "insufficientPermissions",
        "Request had insufficient authentication scopes.",
        grpc_status="PERMISSION_DENIED",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                "domain": "googleapis.com",
                "metadata": {"service": "calendar-json.googleapis.com", "method": f"calendar.v3.{method}"},
            }
        ],
    )
