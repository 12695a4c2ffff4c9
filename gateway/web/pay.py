"""The citizen's pages: choose and pay, and see what became of it.

No script is needed: a page that waits reloads itself, until it is asked to stop (WCAG 2.2, 2.2.1). What is told is
true: while we wait it says that we wait, and asks for no money; another way to pay is one link away.
"""

from dataclasses import dataclass
from io import BytesIO

import segno
from apiflask import APIBlueprint
from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from gateway.domain import payment as rules
from gateway.domain.errors import (
    Forbidden,
    GatewayError,
    Misconfigured,
    NotFound,
    Refused,
    Unreachable,
    Unsupported,
)
from gateway.domain.machine import allowed
from gateway.domain.money import format_vnd
from gateway.domain.payment import PaymentEvent, PaymentState, PublicPayment
from gateway.service import reports, routing, tries
from gateway.service.attempts import Guest
from gateway.store import payments as store
from gateway.store import receipts as receipt_store
from gateway.web import ways
from gateway.web.context import forms_only, web

blueprint = APIBlueprint("pay", __name__, enable_openapi=False)

WAIT_S = 10


@dataclass(frozen=True, slots=True)
class Wording:
    """What the citizen is told in a state, in two languages (failure X05: waiting is never called a failure)."""

    title_vi: str
    title_en: str
    text_vi: str
    text_en: str
    waits: bool = False


WORDS: dict[PublicPayment, Wording] = {
    PublicPayment.CREATED: Wording(
        "Chưa thanh toán",
        "Not paid yet",
        "Chọn một cách thanh toán bên dưới. Tiền vào thẳng tài khoản của cơ quan thu.",
        "Choose a way to pay below. The money goes straight to the agency's account.",
    ),
    PublicPayment.PENDING: Wording(
        "Đang chờ kết quả thanh toán",
        "Waiting for the result of the payment",
        "Nếu ông/bà đã trả tiền, không cần trả lại: chúng tôi đang hỏi nơi thu và sẽ báo ngay tại đây.",
        "If you have paid, there is no need to pay again: we are asking the provider and will tell you here.",
        waits=True,
    ),
    PublicPayment.SUCCESS: Wording(
        "Đã thanh toán",
        "Paid",
        "Cơ quan thu đã được báo. Biên lai được cấp ngay sau đây.",
        "The agency has been told. The receipt is issued right away.",
    ),
    PublicPayment.FAILED: Wording(
        "Lần thanh toán vừa rồi không thành công",
        "The last try did not succeed",
        "Ông/bà có thể thử lại. Nếu tài khoản vẫn bị trừ tiền, khoản tiền đó vẫn được ghi nhận khi nơi thu báo về.",
        "You may try again. If your account was charged all the same, the money still counts once it is reported.",
    ),
    PublicPayment.CANCELLED: Wording(
        "Yêu cầu thanh toán đã được hủy",
        "The request to pay was cancelled",
        "Không cần trả khoản này nữa. Nếu đã lỡ trả, khoản tiền vẫn được ghi nhận.",
        "Nothing is to be paid any more. If you paid all the same, the money still counts.",
    ),
    PublicPayment.EXPIRED: Wording(
        "Đã hết thời hạn thanh toán",
        "The time to pay is over",
        "Hãy quay lại cổng dịch vụ công để lấy yêu cầu mới. Nếu đã lỡ trả, khoản tiền vẫn được ghi nhận.",
        "Please go back to the portal for a new request. If you paid all the same, the money still counts.",
    ),
}
WAITS_FOR_MONEY = Wording(
    "Đang chờ tiền đến",
    "Waiting for the money",
    "Trả theo hướng dẫn bên dưới. Khi tiền đến, trang này báo ngay. Nếu đã trả rồi, không cần trả lại.",
    "Pay as shown below. This page tells you once the money is here. If you have paid, there is no need to pay again.",
    waits=True,
)
"""Where the next step is the citizen's, and we show him how."""
PART_RECEIVED = Wording(
    "Đã nhận một phần, xin nộp phần còn thiếu",
    "A part was received; please pay the rest",
    "Phần đã nộp được ghi nhận. Chọn một cách bên dưới để nộp phần còn thiếu.",
    "What you paid is counted. Choose a way below to pay the rest.",
)
"""Where a part has come and no code is shown for the rest."""
assert set(WORDS) == set(PublicPayment), "every public state is put in words"


blueprint.before_request(forms_only)


@dataclass(frozen=True, slots=True)
class View:
    """What the page offers: the form, the way to it, to reload by itself, and the way back to the portal."""

    form: bool
    another_way: bool
    reloads: bool
    goes_back: bool


def _view(words: Wording, *, can_pay: bool, has_problem: bool) -> View:
    waits = words.waits
    chooses = has_problem or "again" in request.args
    return View(
        form=can_pay and (chooses or not waits),
        another_way=can_pay and waits and not chooses,
        # never under the hands of somebody who is choosing or reading
        reloads=waits and not chooses and "still" not in request.args,
        goes_back=not waits,
    )


def _page(payment: store.Payment, problem: str | None = None, status: int = 200) -> tuple[str, int]:
    shared = web().context
    state = PaymentState(payment.state)
    with shared.engine.connect() as connection:
        receipt = receipt_store.live_of(connection, payment.id) if payment.paid_at else None
        code = ways.current(shared, payment, store.attempts_of(connection, payment.id))
        offered = routing.offered(shared, connection, payment, shared.clock())
    left_vnd = tries.left_vnd(payment)
    received_vnd = payment.paid_vnd - payment.refunded_vnd
    can_pay = PaymentEvent.START in allowed(rules.TABLE, state)
    words = WORDS[rules.PUBLIC[state]]
    way = ways.shown(shared, payment, code) if code is not None and words.waits else None
    if way is not None:
        words = WAITS_FOR_MONEY
    elif received_vnd > 0 and can_pay:
        words = PART_RECEIVED
    page = render_template(
        "pay.html",
        payment=payment,
        words=words,
        view=_view(words, can_pay=can_pay, has_problem=problem is not None),
        way=way,
        providers=[(name, ways.name_of(name)) for name in offered],
        lines=[(line["kind"], line["name"], format_vnd(line["amount_vnd"])) for line in payment.lines],
        total=format_vnd(payment.amount_vnd),
        received=format_vnd(received_vnd) if received_vnd > 0 and left_vnd > 0 else None,
        can_pay=can_pay,
        left=format_vnd(left_vnd),
        receipt_number=receipt.receipt_number if receipt and receipt.state == "issued" else None,
        wait_s=WAIT_S,
        problem=problem,
    )
    return page, status


def _find(token: str) -> store.Payment:
    with web().context.engine.connect() as connection:
        found = store.find_by_token(connection, token)
    if found is None:
        raise NotFound("no payment has this link")
    return found


@blueprint.get("/pay/<token>")
def page(token: str) -> tuple[str, int]:
    return _page(_find(token))


@blueprint.get("/pay/<token>/qr.svg")
def qr_image(token: str) -> Response:
    """The QR code of the try that is open, as a picture with its quiet zone."""
    payment, shared = _find(token), web().context
    with shared.engine.connect() as connection:
        code = ways.current(shared, payment, store.attempts_of(connection, payment.id))
    if code is None or code.qr_payload is None:
        raise NotFound("no QR code is to be shown now")
    picture = BytesIO()
    segno.make(code.qr_payload, error="m", micro=False).save(picture, kind="svg", scale=6, border=4)
    return Response(picture.getvalue(), mimetype="image/svg+xml", headers={"Cache-Control": "no-store"})


@blueprint.post("/pay/<token>")
def choose(token: str) -> Response | tuple[str, int]:
    """Send the citizen on to the chosen provider."""
    payment, shared = _find(token), web().context
    guest = Guest(client_ip=request.remote_addr or "127.0.0.1", locale="vi")
    try:
        wanted = request.form.get("provider", "")
        attempt = routing.start(shared, payment.id, wanted, guest, shared.clock(), first_is_ours=True)
    except Unreachable:
        return _page(
            payment,
            "Chưa kết nối được nơi thu, chưa có khoản tiền nào bị trừ. Xin thử lại. / "
            "The provider cannot be reached; nothing was charged. Please try again.",
            503,
        )
    except (Refused, Misconfigured):
        return _page(
            payment,
            "Nơi thu chưa nhận yêu cầu này, chưa có khoản tiền nào bị trừ. Xin chọn cách khác. / "
            "The provider did not take this request; nothing was charged. Please choose another.",
            502,
        )
    except (Forbidden, NotFound, Unsupported) as error:
        return _page(_find(token), _why(error), 409)
    return redirect(attempt.redirect_url or f"/pay/{token}", 303)


def _why(error: GatewayError) -> str:
    if isinstance(error, NotFound):
        return "Không có nơi thu này. / There is no such provider."
    if isinstance(error, Unsupported):
        return (
            "Nơi thu này không nhận khoản này. Xin chọn cách khác. / "
            "This provider does not take this payment. Please choose another."
        )
    return (
        "Lúc này chưa trả được: khoản này đã trả, đã hết hạn, hoặc đang được kiểm tra. / "
        "It cannot be paid now: it is paid, over, or being looked into."
    )


@blueprint.get("/return/<provider>/<token>")
def come_back(provider: str, token: str) -> Response:
    """Where a provider sends the browser back to: it shows, and never decides; but now is the time to ask."""
    shared, payment = web().context, _find(token)
    if provider not in shared.providers:
        raise NotFound("no payment provider has this name")
    reports.look_first(shared, payment.id)
    return redirect(f"/pay/{payment.token}", 303)
