"""A PostgreSQL that calls itself older than it is: a relay before the real one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

_NEW, _OLD = b"server_version\x0018.", b"server_version\x0015."


@contextmanager
def old_server(url: str) -> Iterator[str]:
    """Gives an address like `url`, by TCP, of a server of version 15."""
    parts = urlsplit(url)
    folder = unquote(parts.query.removeprefix("host="))
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listener, f"{folder}/.s.PGSQL.5432"), daemon=True).start()
    try:
        port = listener.getsockname()[1]
        yield f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}?sslmode=disable"
    finally:
        listener.close()


def _serve(listener: socket.socket, real: str) -> None:
    while True:
        try:
            client, _address = listener.accept()
        except OSError:
            return
        server = socket.socket(socket.AF_UNIX)
        server.connect(real)
        threading.Thread(target=_relay, args=(client, server), daemon=True).start()
        threading.Thread(target=_relay, args=(server, client), daemon=True).start()


def _relay(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data.replace(_NEW, _OLD))
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
