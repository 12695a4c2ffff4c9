"""The National Public Service Portal, told of cases: session, DongBoHoSoMC, CapNhatTienDoHoSoMC, TraCuuHoSo.

Document: none is public; the wire is that of the integration code of provincial systems (`specs/case.md` B3, B4). POST
`{username, password}` with the header `dstcode` gives a session; every service is a POST of `{session, madonvi,
service, isUpdating, data}` to one address. Nothing is signed: the session and TLS do the rest. Times are
yyyyMMddHHmmss, +07:00.

`error_code` 0 is yes. 3 and -3 with "đã tồn tại" say that the case is there already: it is then given as an update.
Some servers say yes by the text "thành công" alone. The other codes are those of the national service bus, and which
of them this portal uses is not public, so all tables are settings (`dvcqg_sync_wire.py`, with what we write); so are
the service, the list and the words that the sources leave open. What no table has is `UNKNOWN`. States are told as
they are by `NATIONAL`: 5, 6 and 8 never go as 9.

By Luật 91/2025/QH15 the portal gets whose case it is, since it is where the citizen looks for it; no phone, no e-mail,
no address, no content of a document.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from threading import Lock
from typing import Final

from adapters.portal.dvcqg_sync_wire import (
    ABSTRACT_CHARS,
    CODE_CHARS,
    Settings,
    encode_call,
    encode_login,
    encode_record,
    encode_step,
    given,
)
from gateway.domain import wire
from gateway.domain.case import NATIONAL, CaseState
from gateway.domain.errors import Malformed, OutcomeUnknown, Refused, Unreachable
from gateway.ports import (
    STEPS_MOST,
    CaseRecord,
    CaseStep,
    HttpAnswer,
    HttpDoor,
    KnownCase,
    SyncAnswer,
    SyncVerdict,
    UnknownCase,
)

__all__ = ["DvcqgSync", "Settings"]

STATES: Final[Mapping[str, CaseState]] = {str(code): state for state, (code, _) in NATIONAL.items()}
_NEGATED = r"(?<!không )(?<!chưa )"


def decode_login(answer: HttpAnswer) -> str:
    """The session. Raises `Unreachable` (nothing of a case has left us) and `Refused`."""
    try:
        wire.usable_status(answer.status)
        told = wire.strict_json_object(answer.body)
        code, session = wire.printed(told, "error_code"), wire.printed(told, "session")
    except (OutcomeUnknown, Malformed):
        raise Unreachable("the national portal gave no session that can be read") from None
    if code != "0" or not session:
        raise Refused("the national portal gives us no session", code=code[:CODE_CHARS])
    return session


def decode_answer(settings: Settings, answer: HttpAnswer) -> SyncAnswer:
    """The portal's verdict on a call. Raises `OutcomeUnknown`, and `Refused` where the case was not looked at."""
    wire.usable_status(answer.status)
    try:
        return _judged(settings, wire.strict_json_object(answer.body))
    except Malformed:
        raise OutcomeUnknown("the national portal's answer cannot be read") from None


def _judged(settings: Settings, told: Mapping[str, object]) -> SyncAnswer:
    code = wire.one_line(wire.printed(told, "error_code"), CODE_CHARS)
    message = _message(settings, told)
    if code in settings.shut:
        raise Refused("the national portal does not let us call", code=code)
    return SyncAnswer(_verdict(settings, code, message), code, message)


def _message(settings: Settings, told: Mapping[str, object]) -> str:
    texts = [told.get(name) for name in settings.message_names]
    return wire.one_line(" ".join(text for text in texts if isinstance(text, str)), ABSTRACT_CHARS)


def _verdict(settings: Settings, code: str, message: str) -> SyncVerdict:
    says_exists = _says(message, settings.exists_text)
    if code in settings.taken or (not code and _says(message, settings.taken_text)):
        return SyncVerdict.TAKEN
    if (code in settings.exists or not code) and says_exists:
        return SyncVerdict.ALREADY_THERE
    if code in settings.absent:
        return SyncVerdict.NOT_THERE
    return SyncVerdict.REFUSED if code in settings.refusals else SyncVerdict.UNKNOWN


def _says(message: str, words: str) -> bool:
    """Whether a message has these words, in either normal form and any case, and not after a "not"."""
    text, wanted = (unicodedata.normalize("NFC", each).casefold() for each in (message, words))
    return bool(wanted) and re.search(_NEGATED + re.escape(wanted), text) is not None


def decode_found(settings: Settings, answer: HttpAnswer, case_code: str) -> KnownCase | UnknownCase:
    """How the portal has the case. Raises `Malformed`, `OutcomeUnknown`, `Refused`."""
    wire.usable_status(answer.status)
    told = wire.strict_json_object(answer.body)
    said = _judged(settings, told)
    if said.verdict is SyncVerdict.NOT_THERE:
        return UnknownCase(case_code)
    if said.verdict is not SyncVerdict.TAKEN:
        raise OutcomeUnknown(f"code {said.code or 'none'} is no answer to a look-up")
    rows = told.get(settings.lookup_list)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Malformed("a look-up has no list of cases")
    if not rows:
        return UnknownCase(case_code)
    if len(rows) != 1 or wire.printed(rows[0], "MaHoSo") != case_code:
        raise Malformed("a look-up tells of another case")
    code = wire.one_line(wire.printed(rows[0], "TrangThaiHoSo"), CODE_CHARS)
    return KnownCase(case_code, STATES.get(code), code)


def is_stale(settings: Settings, answer: HttpAnswer) -> bool:
    """Whether the session was not taken, so that the call was not carried out."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return True
    try:
        return wire.printed(wire.strict_json_object(answer.body), "error_code") in settings.stale
    except Malformed:
        return False


# --- the portal -----------------------------------------------------------------------------------


class DvcqgSync:
    """`gateway.ports.CasePortal`. Its only state is the session, which all threads share."""

    name = "dvcqg_sync"

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings, self._http = settings, http
        self._lock = Lock()
        self._session = ""
        self._until: datetime | None = None

    def put(self, record: CaseRecord, now: datetime, *, known: bool) -> SyncAnswer:
        data = [encode_record(self._settings, record)]
        service = self._settings.record_service
        return decode_answer(self._settings, self._call(service, record.agency_code, data, now, known=known))

    def tell(self, steps: tuple[CaseStep, ...], now: datetime) -> SyncAnswer:
        if not 1 <= len(steps) <= STEPS_MOST or len({step.case_code for step in steps}) != 1:
            raise Malformed(f"a call has 1 to {STEPS_MOST} steps of one case")
        data = [encode_step(self._settings, step) for step in steps]
        service = self._settings.steps_service
        return decode_answer(self._settings, self._call(service, steps[0].agency_code, data, now))

    def look_up(self, case_code: str, agency_code: str, now: datetime) -> KnownCase | UnknownCase:
        data: list[dict[str, object]] = [{"MaHoSo": given("MaHoSo", case_code, CODE_CHARS)}]
        answer = self._call(self._settings.lookup_service, agency_code, data, now)
        return decode_found(self._settings, answer, case_code)

    def _call(
        self,
        service: str,
        agency_code: str,
        data: list[dict[str, object]],
        now: datetime,
        *,
        known: bool = False,
    ) -> HttpAnswer:
        """One call with a session, and once more with a new one where the portal does not take it."""
        session = ""
        for _ in range(2):
            session = self._session_for(now, unless=session)
            request = encode_call(
                self._settings, session, service=service, agency_code=agency_code, data=data, known=known
            )
            answer = self._http.send(request)
            if not is_stale(self._settings, answer):
                return answer
        raise Refused("the national portal takes none of its own sessions", code=str(answer.status))

    def _session_for(self, now: datetime, *, unless: str) -> str:
        """The session; a new one when the kept one is `unless` or has lasted. One thread asks, the others wait."""
        with self._lock:
            if self._session and self._session != unless and self._until is not None and now < self._until:
                return self._session
            self._session = ""
            try:
                answer = self._http.send(encode_login(self._settings))
            except OutcomeUnknown:
                raise Unreachable("the national portal gave no session") from None
            self._session = decode_login(answer)
            self._until = now + timedelta(seconds=self._settings.session_life_s)
            return self._session
