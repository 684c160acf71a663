"""docs/api.md and the reference page: every example runs as it stands, every table says what the code says."""

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.core.wsgi import get_wsgi_application
from django.test import Client, override_settings

from tests.support import contract
from tests.support.cast import Cast
from tools import api_guide

GUIDE = api_guide.GUIDE.read_text()
EXAMPLES = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)[1:]
"""All but the first, which says the two variables."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing is written."""


@contextmanager
def serving() -> Iterator[str]:
    """The product at an address of this machine."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), _Server, _Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with override_settings(ALLOWED_HOSTS=["127.0.0.1"]):
            yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_every_example_of_the_guide_runs_as_it_stands(cast: Cast) -> None:
    assert len(EXAMPLES) >= 10
    with serving() as origin:
        variables = f"ORIGIN={origin}\nTOKEN={cast.alice.token}\nset -eo pipefail\n"
        script = variables + "\necho '---'\n".join(EXAMPLES)
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.split("---\n")
    assert '"sync": "native"' in said[1] and "Quarterly review" in said[2]
    assert '"location": "Room 4"' in said[3]
    assert said[5] == "override\n" and said[6].startswith("cct_")
    assert sorted(said[7].split("\n")[:-1]) == ["Quarterly review", "Stand-up", "Stand-up, upstairs"]
    assert '"code": "invalid"' in said[9] and "Did you mean summary?" in said[9]


def test_the_tables_of_the_guide_say_what_the_code_says() -> None:
    assert api_guide.filled(GUIDE) == GUIDE, "Run `make openapi`."


def test_the_reference_shows_every_operation_and_asks_nobody_outside(db: None) -> None:
    answer = Client().get("/api/v1/docs")
    html = answer.content.decode()
    for path, methods in contract.document()["paths"].items():
        for method, operation in methods.items():
            assert f'id="{operation["operationId"]}"' in html
            assert f'data-method="{method.upper()}" data-path="{path}"' in html
    asked = re.findall(r'(?:src|href|action)="([^"]*)"', html)
    assert all(one.startswith(("/", "#", "data:")) for one in asked)
    links = {one[1:] for one in asked if one.startswith("#")}
    assert links <= set(re.findall(r'id="([^"]*)"', html))
    assert "script-src 'self'" in answer["Content-Security-Policy"] and "<script>" not in html
