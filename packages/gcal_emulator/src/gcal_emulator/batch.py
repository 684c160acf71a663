"""Batch requests (guide/batch): many calls in one multipart body, answered part by part, each counted for itself."""

import email.parser
import email.policy
import json
from email.message import EmailMessage
from typing import Any

from flask import Blueprint, Flask, Response, request
from werkzeug.test import EnvironBuilder, run_wsgi_app

from gcal_emulator.errors import GoogleError
from gcal_emulator.world import World

_BOUNDARY = "batch_emulator"
_INHERITED = ("Authorization", "X-Simulation-Fence")


def blueprint(app: Flask, world: World) -> Blueprint:
    """The batch endpoint; parts run against the app's own routes, under the lock that the outer call already holds."""
    routes = Blueprint("batch", __name__)

    @routes.post("/batch/calendar/v3")
    @routes.post("/batch")
    def batch() -> Response:
        parts = _parts()
        if len(parts) > world.behaviours.batch_limit:
            raise GoogleError(400, "badRequest", f"The batch request may not have more than {len(parts) - 1} parts.")
        order = list(range(len(parts)))
        if world.behaviours.batch_shuffled:
            world.dice.shuffle(order)
        answers = [b""] * len(parts)
        written: set[str] = set()
        for at in order:
            target = _written(parts[at]) if world.behaviours.batch_conflicts else ""
            answers[at] = _answer(app, parts[at], is_conflict=bool(target) and target in written)
            written.add(target)
        body = b"".join(b"--" + _BOUNDARY.encode() + b"\r\n" + answer for answer in answers)
        body += b"--" + _BOUNDARY.encode() + b"--\r\n"
        return Response(body, content_type=f"multipart/mixed; boundary={_BOUNDARY}")

    return routes


def _parts() -> list[EmailMessage]:
    head = f"Content-Type: {request.headers.get('Content-Type', '')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.get_data())
    if not isinstance(message, EmailMessage) or not message.is_multipart():
        raise GoogleError(400, "badRequest", "Failed to parse batch request, error: no multipart body.")
    return [part for part in message.iter_parts() if isinstance(part, EmailMessage)]


def _written(part: EmailMessage) -> str:
    """The path that a part writes to; empty for reads."""
    raw = part.get_payload(decode=True)
    words = (raw if isinstance(raw, bytes) else b"").split()
    is_write = len(words) > 1 and words[0] in {b"PUT", b"PATCH", b"DELETE"}
    return words[1].decode("utf-8", "replace").partition("?")[0] if is_write else ""


def _answer(app: Flask, part: EmailMessage, is_conflict: bool) -> bytes:
    head = "Content-Type: application/http\r\n"
    if content_id := part.get("Content-ID"):
        name = str(content_id).strip().removeprefix("<").removesuffix(">")
        head += f"Content-ID: <response-{name}>\r\n"
    if is_conflict:
        error = GoogleError(409, "conflict", "Conflict").body()
        status, headers, body = "409 CONFLICT", [("Content-Type", "application/json")], json.dumps(error).encode()
    else:
        status, headers, body = _run(app, part.get_payload(decode=True))
    lines = [f"{name}: {value}" for name, value in headers if name in {"Content-Type", "ETag", "Vary"}]
    lines.append(f"Content-Length: {len(body)}")
    inner = f"HTTP/1.1 {status}\r\n" + "\r\n".join(lines) + "\r\n\r\n"
    return (head + "\r\n" + inner).encode() + body + b"\r\n"


def _run(app: Flask, payload: Any) -> tuple[str, list[tuple[str, str]], bytes]:
    """One inner request: a request line with a path only, headers, and a body."""
    raw = payload if isinstance(payload, bytes) else b""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    line, _, fields = head.decode("utf-8", "replace").lstrip().partition("\n")
    words = line.split()
    if len(words) < 2 or not words[1].startswith("/"):
        return "400 Bad Request", [("Content-Type", "text/plain")], b"Failed to parse batch part."
    inherited = {name: request.headers[name] for name in _INHERITED if name in request.headers}
    given = dict(field.split(":", 1) for field in fields.splitlines() if ":" in field)
    headers = inherited | {name.strip().title(): value.strip() for name, value in given.items()}
    headers.pop("Content-Length", None)
    builder = EnvironBuilder(
        words[1], base_url=request.host_url, method=words[0], headers=list(headers.items()), data=body.strip()
    )
    chunks, status, answered = run_wsgi_app(app.wsgi_app, builder.get_environ())
    return status, [(name, value) for name, value in answered], b"".join(chunks)
