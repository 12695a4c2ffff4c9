"""Every payment adapter, one line each; its samples are in `wire/<name>/`."""

from wire_samples import load

ADAPTERS = (
    load("dvcqg"),
    load("vnpay"),
)
