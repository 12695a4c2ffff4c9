"""Every payment adapter, one line each; its samples are in `wire/<name>/`."""

from wire_samples import WIRE, load

ADAPTERS = (
    *(load("bank_webhook", folder=WIRE / "bank_webhook" / name) for name in ("casso_v2", "payos", "sepay")),
    load("bidv"),
    load("counter"),
    load("dvcqg"),
    load("keypay"),
    load("keypay2"),
    load("paygov"),
    load("ttttqg"),
    load("vietinbank"),
    load("vietqr"),
    load("viettelpay"),
    load("vnpay"),
)
