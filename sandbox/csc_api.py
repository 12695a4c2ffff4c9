"""The remote signing service over HTTP: `/csc/v2/…`, `/oauth2/token`, the owner's phone, and `POST /_control`."""

from collections.abc import Callable, Mapping

from flask import Flask, Response, request

from sandbox import mishaps
from sandbox.csc import SERVER, Csc, CscFault, Told, refused
from sandbox.faults import Fault
from sandbox.serving import json_answer, new_app, read_json

_ON_THE_WAY = {
    CscFault.DOWN: Fault.RESET,
    CscFault.UNAVAILABLE: Fault.UNAVAILABLE,
    CscFault.GARBAGE: Fault.GARBAGE,
}


def csc_app(csc: Csc) -> Flask:
    """The service's addresses, the owner's phone, and `POST /_control`."""
    app = new_app(SERVER)

    def answer(told: Told) -> Response:
        fault = csc.fault()
        if fault is CscFault.FAIL:
            told = refused("server_error", "Internal error", 500)
        given = json_answer(*told)
        if told[1] == 401:  # noqa: PLR2004 - RFC 6750 section 3
            given.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        return mishaps.answer(_ON_THE_WAY.get(fault, Fault.NONE), given, ground=csc.ground, slow_s=0)

    _calls(app, csc, answer)

    @app.post("/oauth2/token")
    def token() -> Response:
        return answer(csc.token(request.form))

    @app.get("/phone")
    def phones() -> Response:
        return json_answer({"waiting": csc.waiting()})

    @app.post("/phone/<handle>/<decision>")
    def phone(handle: str, decision: str) -> Response:
        words = {"confirm": "confirmed", "decline": "declined"}
        done = decision in words and csc.phone(handle, words[decision])
        return json_answer({"ok": done}, 200 if done else 404)

    @app.post("/_control")
    def control() -> Response:
        done = csc.control(read_json() or {})
        return json_answer({"ok": done}, 200 if done else 400)

    return app


def _calls(app: Flask, csc: Csc, answer: Callable[[Told], Response]) -> None:
    methods: Mapping[str, Callable[[Mapping[str, object]], Told]] = {
        "info": csc.info,
        "credentials/list": csc.credentials,
        "credentials/info": csc.credential,
        "credentials/authorize": csc.authorize,
        "credentials/authorizeCheck": csc.check,
        "signatures/signHash": csc.sign,
    }

    @app.post("/csc/v2/<path:name>")
    def call(name: str) -> Response:
        if name not in methods:
            return answer(refused("invalid_request", "No such method", 404))
        if name != "info" and not csc.knows(request.headers.get("Authorization", "")):
            return answer(refused("invalid_token", "The access token is not valid", 401))
        asked = read_json()
        if asked is None:
            return answer(refused("invalid_request", "The body is not a JSON object"))
        return answer(methods[name](asked))
