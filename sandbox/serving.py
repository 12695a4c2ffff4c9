"""Servers of this process: one werkzeug server with its threads on one port of the loopback address."""

import hmac
import json
import socket
from threading import Thread
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from sandbox.errors import WorldMisconfigured

HOST = "127.0.0.1"
MAX_BODY_BYTES = 2_000_000
BACKLOG = 128
POLL_S = 0.05


class _Quiet(WSGIRequestHandler):
    """No line per request, and none of its headers that name the software."""

    protocol_version = "HTTP/1.1"
    timeout = 15  # an idle connection does not hold its thread for ever

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class Server:
    """One application on one port. `port` 0 asks for a free one; `url` has no slash at its end."""

    def __init__(self, app: Flask, port: int) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
            listener.listen(BACKLOG)
            self.port: int = listener.getsockname()[1]
            self._server: BaseWSGIServer = make_server(
                HOST, self.port, app, threaded=True, request_handler=_Quiet, fd=listener.fileno()
            )
        except OSError as error:
            raise WorldMisconfigured(f"port {port} of {HOST} cannot be used: {error.strerror}") from error
        finally:
            listener.close()  # the server holds its own duplicate
        self.url = f"http://{HOST}:{self.port}"
        self._thread = Thread(target=self._server.serve_forever, args=(POLL_S,), name=app.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; requests under way are left to end by themselves."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        else:
            self._server.server_close()


def new_app(name: str) -> Flask:
    """A Flask application with a body limit and `GET /healthz`."""
    app = Flask(name, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @app.get("/healthz")
    def healthz() -> Response:
        return json_answer({"ok": True, "server": name})

    return app


def json_answer(value: object, status: int = 200) -> Response:
    """`value` as UTF-8 JSON, keys in the order given."""
    return Response(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type="application/json; charset=utf-8",
    )


def json_object(body: bytes) -> dict[str, Any] | None:
    """`body` as a JSON object, or None. Never raises, whatever the bytes."""
    try:
        value = json.loads(body.decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # an escaped half of a pair cannot be stored
    except (ValueError, RecursionError):  # also a broken UTF-8 and a number of absurd length
        return None
    return value if isinstance(value, dict) else None


def read_json() -> dict[str, Any] | None:
    """The body of the current request as a JSON object, or None."""
    return json_object(request.get_data(cache=True))


def text_of(value: object) -> str:
    """A JSON value as the text that is signed: numbers without separators, absent as empty; no float."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def same(ours: str, theirs: str) -> bool:
    """Constant-time comparison of two texts."""
    return hmac.compare_digest(ours.encode(), theirs.encode())
