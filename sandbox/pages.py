"""The plain Vietnamese pages of the banks: no script, no style sheet, every value escaped."""

from html import escape

from flask import Response

_FRAME = """<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{title}</title></head>
<body><main><h1>{title}</h1>
{body}
</main></body></html>
"""


def page(title: str, body_html: str, status: int = 200) -> Response:
    """One page; `body_html` is HTML that the caller has escaped."""
    return Response(
        _FRAME.format(title=escape(title), body=body_html),
        status=status,
        content_type="text/html; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )


def dong(amount_vnd: int) -> str:
    """`180000` as `180.000 đ`."""
    return f"{amount_vnd:,} đ".replace(",", ".")


def pay_page(*, title: str, rows: dict[str, str], action: str, token: str) -> Response:
    """What is paid, and two buttons: `result=pay` and `result=cancel`, with the hidden `token`."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    form = (
        f'<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="token" value="{escape(token)}">'
        '<button name="result" value="pay">Thanh toán</button> '
        '<button name="result" value="cancel">Hủy giao dịch</button></form>'
    )
    return page(title, f"<dl>{items}</dl>{form}")


def error_page(*, code: str, message: str, status: int = 400) -> Response:
    """A protocol's refusal, shown to the payer: its code and a sentence."""
    return page(
        "Không thể thực hiện giao dịch",
        f'<p>{escape(message)}</p><p>Mã lỗi: <code id="code">{escape(code)}</code></p>',
        status,
    )
