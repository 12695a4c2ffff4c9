"""The one way out, over real sockets: what comes back, and what counts as no answer."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Response, request

import sandbox
from sandbox.outward import MAX_ANSWER_BYTES, Call, send
from sandbox.serving import Server, new_app

CLIENTS = {"citizen", "portal_client", "story", "patience", "outward"}
CHANCE = {"agency", "portal_client", "state"}
SOURCES = sorted(set(Path(sandbox.__file__).parent.glob("*.py")) - {Path(sandbox.__file__).parent / "pki.py"})
"""The PKI is a server of its own, which stands in no world."""


@pytest.fixture
def url() -> Iterator[str]:
    app = new_app("far")

    @app.route("/<path:what>", methods=["GET", "POST", "PUT"])
    def far(what: str) -> Response:
        if what == "elsewhere":
            return Response("", 302, headers={"Location": "/echo"})
        if what == "much":
            return Response(b"x" * (MAX_ANSWER_BYTES + int(request.args["more"])))
        said = f"{request.method} {request.headers.get('X-Word')} ".encode() + request.get_data()
        return Response(said, 418, headers={"X-Back": "yes"})

    server = Server(app, 0)
    server.start()
    yield server.url
    server.stop()


def test_a_call_goes_out_as_it_is_and_its_answer_comes_back_as_it_is(url: str) -> None:
    reply = send(Call("PUT", f"{url}/echo", {"X-Word": "word"}, b"body"))
    assert reply is not None
    assert (418, b"PUT word body", "yes") == (reply.status, reply.body, reply.headers["x-back"])


def test_a_redirect_is_an_answer_and_not_followed(url: str) -> None:
    reply = send(Call("GET", f"{url}/elsewhere"))
    assert reply is not None
    assert (302, "/echo") == (reply.status, reply.headers["location"])


def test_an_answer_of_too_many_bytes_is_none(url: str) -> None:
    whole = send(Call("GET", f"{url}/much?more=0"))
    assert whole is not None
    assert MAX_ANSWER_BYTES == len(whole.body)
    assert send(Call("GET", f"{url}/much?more=1")) is None


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/", "http://[", "nonsense", "http:///x"])
def test_where_nobody_answers_there_is_no_answer(address: str) -> None:
    assert send(Call("GET", address, timeout_s=0.5)) is None


def test_a_proxy_of_the_environment_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert send(Call("GET", f"{url}/echo")) is not None


def imported(tree: ast.Module) -> set[str]:
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    froms = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in (*names, *froms)}


def attributes(tree: ast.Module) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_simulator_calls_waits_or_draws_but_through_its_ground(path: Any) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert path.stem in CLIENTS or not imported(tree) & {"requests", "urllib3", "http", "time"}
    assert path.stem in CHANCE or not imported(tree) & {"secrets", "uuid"}
    assert path.stem in {"state", "world", "courier"} or "stopping" not in attributes(tree)
    assert path.stem in {"agency", "portal_client", "state"} or "now" not in attributes(tree)
