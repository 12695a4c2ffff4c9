"""The environment of a gateway that works with the sandbox world of this machine: both sides of every contract fit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.local_world import ACCOUNT, GATEWAY, PAYGOV_CALLBACK, PORTS, TTTTQG_COLUMNS

BASE = {name: f"http://127.0.0.1:{port}" for name, port in PORTS.items()}
LINKS = {
    "Ngân hàng thử nghiệm: tài khoản / Sandbox bank: accounts": f"{BASE['bank']}/accounts",
    "Cổng thử nghiệm: thông báo đã nhận / Sandbox portal: webhooks": f"{BASE['portal']}/received",
}


def environment(var: Path, world: Mapping[str, Any], agencies: Path, url: str) -> dict[str, str]:
    """The variables `GATEWAY_…`; `world` is the decoded world file, `url` the database's."""
    flat = {
        f"GATEWAY_{outer}__{inner}": value
        for outer, each in _named(world).items()
        for inner, value in each.items()
    }
    return {
        **flat,
        "GATEWAY_VAR_DIR": str(var),
        "GATEWAY_DATABASE_URL": url,
        "GATEWAY_PUBLIC_URL": GATEWAY,
        "GATEWAY_AGENCIES_FILE": str(agencies),
        "GATEWAY_PROVIDERS": json.dumps(_providers(var / "sandbox", world)),
        "GATEWAY_LINKS": json.dumps(LINKS),
        "GATEWAY_QUERY_DELAYS_S": "[2, 2, 4, 8, 15, 60]",
        "GATEWAY_ORDER_DELAYS_S": "[1, 2, 5, 10, 60]",
        "GATEWAY_POST_POLL_S": "0.5",
        "GATEWAY_HEARTBEAT_S": "1",
        "GATEWAY_STALLED_AFTER_S": "4",
    }


def _named(world: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The partners that have settings of their own."""
    return {
        "VNPAY": {
            "TMN_CODE": world["vnpay"]["tmn_code"],
            "SECRET": world["vnpay"]["secret"],
            "PAY_URL": f"{BASE['vnpay']}/paymentv2/vpcpay.html",
            "QUERY_URL": f"{BASE['vnpay']}/merchant_webapi/api/transaction",
        },
        "DVCQG": {
            "PARTNER_CODE": world["dvcqg"]["partner_code"],
            "SECRET": world["dvcqg"]["secret"],
            "INIT_URL": f"{BASE['dvcqg']}/init",
            "QUERY_URL": f"{BASE['dvcqg']}/query",
            "BILL_URL": f"{BASE['dvcqg']}/get_bill",
            "INQUIRY_TOKEN": world["dvcqg"]["inquiry_token"],
        },
        "VNPOST_NGSP": {
            "TOKEN_URL": f"{BASE['post']}/token",
            "BASE_URL": f"{BASE['post']}/apiVNPostNGSP/p1.0",
            "CUSTOMER_CODE": world["post"]["customer_code"],
            "CONSUMER_KEY": world["post"]["consumer_key"],
            "CONSUMER_SECRET": world["post"]["consumer_secret"],
            "REPEATED_ORDER_IS_KNOWN": "true",
            "TRACKING_CODES": json.dumps({1: "accepted", 2: "collected", 3: "in_transit", 4: "delivered"}),
        },
    }


def _providers(folder: Path, world: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The others, each with the fields of its adapter's settings."""
    return {
        "vietqr": {},
        "counter": {},
        "sepay": {
            "kind": "bank_webhook",
            "profile": "sepay",
            "account": ACCOUNT,
            "secret": world["transfers"]["hooks"][0]["secret"],
        },
        **_redirecting(world),
        **_collecting(folder, world),
    }


def _redirecting(world: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Whose page the payer is sent to."""
    keypay, paygov, viettelpay = (world[name] for name in ("keypay", "paygov", "viettelpay"))
    return {
        "keypay": {
            **{name: keypay[name] for name in ("client_id", "key_1", "key_2")},
            "create_url": f"{BASE['keypay']}/v3/create",
            "detail_url": f"{BASE['keypay']}/v3/detail",
            "refund_url": f"{BASE['keypay']}/v3/refund",
            "pending_statuses": ["1"],
            "failure_statuses": ["2", "3"],
            "refunded_statuses": ["4"],
            "refund_refusals": ["71", "72"],
        },
        "keypay2": {
            "merchant_code": keypay["client_id"],
            "secret": keypay["key_1"],
            "pay_url": f"{BASE['keypay']}/pay",
            "query_url": f"{BASE['keypay']}/bill_status",
        },
        "paygov": {
            **{name: paygov[name] for name in ("partner_code", "access_key", "secret_key", "lgsp_token")},
            "service_code": "DVC",
            "create_url": f"{BASE['paygov']}/paygate",
            "receipt_url": f"{BASE['paygov']}/receipt",
            "token_url": f"{BASE['paygov']}/token",
            "callback_order": PAYGOV_CALLBACK,
            "failure_codes": ["24", "51"],
        },
        "viettelpay": {
            **{name: viettelpay[name] for name in ("merchant_code", "access_code", "hash_key")},
            "pay_url": f"{BASE['viettelpay']}/PaymentGateway/payment",
            "query_url": f"{BASE['viettelpay']}/PaymentAPI/webresources/postData",
        },
    }


def _collecting(folder: Path, world: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Whose payer names a code or scans one."""
    bidv, ttttqg = world["bidv"], world["ttttqg"]
    return {
        "vietinbank": {
            "provider_id": world["vietinbank"]["provider_id"],
            "private_key": (folder / "vietinbank-ours.pem").read_text(encoding="ascii"),
            "bank_certificate": (folder / "vietinbank.public.pem").read_text(encoding="ascii"),
        },
        "bidv": {name: bidv[name] for name in ("service_id", "secret", "bearer_token")},
        "ttttqg": {
            "partner_code": ttttqg["partner_code"],
            "base_url": BASE["ttttqg"],
            "algorithm": "hmac-sha256",
            "secret": ttttqg["secret"],
            "columns": TTTTQG_COLUMNS,
        },
    }
