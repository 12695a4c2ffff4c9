"""Settings, read once from the environment (`GATEWAY_…`, nested with `__`) and never written.

Each field is described in `docs/settings.md`, which is generated from here.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class _Contract(BaseModel):
    """A misspelled name is an error: a setting that is silently ignored is worse than none."""

    model_config = ConfigDict(extra="forbid")


class VnpaySettings(_Contract):
    """The contract with VNPAY."""

    tmn_code: str = Field(description="Terminal code that VNPAY gave (vnp_TmnCode).")
    secret: SecretStr = Field(description="Hash secret that VNPAY gave.")
    pay_url: str = Field(description="Address of the payment page.")
    query_url: str = Field(description="Address of querydr and refund.")
    server_ip: str = Field(
        default="127.0.0.1", description="Address that our queries come from (vnp_IpAddr)."
    )


class DvcqgSettings(_Contract):
    """The contract with the payment platform of the National Public Service Portal."""

    partner_code: str = Field(description="MaDoiTac.")
    secret: SecretStr = Field(description="The secret under MaXacThuc.")
    init_url: str = Field(description="Address of INIT.")
    query_url: str = Field(description="Address of QUERY.")
    bill_url: str = Field(default="", description="Address of GET_BILL; without it no bill is asked for.")
    bearer_token: SecretStr = Field(
        default=SecretStr(""), description="Bearer token of our calls, if asked for."
    )
    inquiry_token: SecretStr = Field(
        default=SecretStr(""),
        description="Bearer token that the platform's look-up must carry; without it none is answered.",
    )
    client_id: str = Field(default="", description="Client id of our calls, if asked for.")
    postage_kind: str = Field(
        default="", description="The platform's kind for postage; without it none is collected."
    )
    failure_codes: frozenset[str] = Field(
        default=frozenset(), description="MaLoi of CONFIRM that say that no money was taken; none is public."
    )


class VnpostSettings(_Contract):
    """The contract with VNPost over the national service bus."""

    token_url: str = Field(description="Address that gives tokens.")
    base_url: str = Field(description="Address of the apiVNPostNGSP calls, up to p1.0.")
    customer_code: str = Field(description="CustomerCode that VNPost gave.")
    consumer_key: str = Field(description="Consumer key of the service bus.")
    consumer_secret: SecretStr = Field(description="Consumer secret of the service bus.")
    repeated_order_is_known: bool = Field(
        default=False,
        description="The post answers a repeated order number with 'known' and makes no second parcel; "
        "then an unclear order is sent again, else a person is asked.",
    )
    tracking_codes: dict[int, str] = Field(
        default={4: "delivered"},
        description="StatusCode of the tracking feed, and the state it means; no full list is public.",
    )


class Settings(BaseSettings):
    """Everything that one installation decides."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", env_nested_delimiter="__", extra="forbid")

    var_dir: Path = Field(Path("var"), description="Folder for the embedded database, keys and files.")
    database_url: str | None = Field(
        None, description="postgresql:// URL of a server; without it PostgreSQL runs embedded in var_dir."
    )
    public_url: str = Field("http://127.0.0.1:8080", description="Address that the world reaches us at.")
    listen_host: str = Field("127.0.0.1", description="Address that the web server binds.")
    listen_port: int = Field(8080, description="Port that the web server binds.")
    web_workers: int = Field(2, description="Processes of the web server; as many as cores.")
    web_threads: int = Field(
        32,
        description="Threads of each web process: so many requests at most are under way in it, and so many "
        "callbacks can be committed together.",
    )
    live: bool = Field(
        default=False, description="Live mode: https only, no private addresses, no test keys."
    )
    agencies_file: Path | None = Field(None, description="JSON file of the agencies that we collect for.")
    procedures_dir: Path | None = Field(
        None, description="Folder of procedures' files that replace or add to those that ship, code by code."
    )
    max_body_bytes: int = Field(1_000_000, description="Largest body of a request, uploads apart.")
    max_document_bytes: int = Field(20_000_000, description="Largest document or result that is uploaded.")
    max_upload_bytes: int = Field(
        2 * 2**30, ge=1, description="Largest document that is uploaded in parts (tus), as drawings are."
    )
    upload_life_s: int = Field(
        86_400, ge=60, description="Seconds after which an upload in parts that is not complete is removed."
    )
    clamd_url: str = Field(
        "",
        description="ClamAV's daemon, which scans documents: tcp://host:port or unix:///path. Empty: none is scanned. "
        "Its StreamMaxLength has to be as large as the largest document.",
    )
    query_delays_s: list[int] = Field(
        default=[15, 60, 300, 900, 3600] + [3600] * 71,
        description="When a payment that is not known is asked about: seconds after the time before.",
    )
    try_life_s: int = Field(
        default=900,
        ge=60,
        description="How long a try at a provider that can be asked may be paid, in seconds; told to it where its "
        "wire has an expiry. The first questions lie within it, so money is known soon, also when nobody tells of it.",
    )
    webhook_delays_s: list[int] = Field(
        default=[5, 30, 120, 600, 1800, 7200, 18000, 36000, 50400, 72000, 86400],
        description="When a webhook is tried again: seconds after the try before.",
    )
    order_delays_s: list[int] = Field(
        default=[60, 300, 900, 3600, 7200, 14400, 28800],
        description="When an unclear order to the post is looked at again: seconds after the time before.",
    )
    sync_delays_s: list[int] = Field(
        default=[120, 300, 900, 3600],
        min_length=1,
        description="When a call to the national portal whose outcome is not known is looked up: seconds after the "
        "time before; the last one again and again, for no step of a case may be left out.",
    )
    refund_limit_vnd: int = Field(
        0, ge=0, description="A refund up to this sum (VND) is sent without the approval of a second person."
    )
    warn_share_percent: int | None = Field(
        None,
        ge=1,
        le=99,
        description="Portals are told of a case after this share of its time. With neither this nor "
        "`warn_working_days` the calendar's rule holds.",
    )
    warn_working_days: int | None = Field(
        None,
        ge=1,
        le=250,
        description="Portals are told of a case so many working days before it is due; not beside "
        "`warn_share_percent`.",
    )
    post_poll_s: float = Field(60.0, description="Seconds between two readings of the post's tracking feed.")
    heartbeat_s: float = Field(10.0, description="Seconds between two signs of life of a worker.")
    stalled_after_s: float = Field(
        30.0, description="Seconds without a sign of life after which a worker's jobs are given to others."
    )
    providers: dict[str, dict[str, Any]] = Field(
        default={},
        repr=False,
        description="More providers as JSON, settings by name: bidv, counter, keypay, keypay2, paygov, ttttqg, "
        "vietinbank, vietqr, viettelpay; or any name with kind bank_webhook. Each takes the fields of its adapter's "
        "Settings. Holds secrets.",
    )
    routes: list[dict[str, Any]] = Field(
        default=[],
        description="Who may take which payments, the first rule that fits: `agency` and `procedure` (a code, or its "
        "beginning with `*`; absent: any) and `groups`, objects of shares by provider, tried in their order. "
        "Without one that fits, every provider is offered, by name.",
    )
    receipt_providers: dict[str, dict[str, Any]] = Field(
        default={},
        repr=False,
        description="Providers of legal electronic receipts as JSON, settings by name: vnpt, viettel, misa; each takes "
        "the fields of its adapter's Settings. An agency names one in `legal_receipts` of the agencies file "
        "(provider, form, letters), or `own` where ours are the legal ones. Holds secrets.",
    )
    case_portal: dict[str, Any] | None = Field(
        None,
        repr=False,
        description="The national portal that cases are told to, as JSON with the fields of its adapter's Settings "
        "(`adapters/portal/dvcqg_sync_wire.py`): auth_url, adapter_url, destination, unit_code, username, password and "
        "those that have a default; without it nothing is told. Holds secrets.",
    )
    links: dict[str, str] = Field(
        default={}, description="More links of the first page, address by name: the portal, a guide."
    )
    tsa_url: str = Field(
        "", description="Address of a time-stamping authority (RFC 3161) for papers and the proof log."
    )
    paper_level: Literal["B-B", "B-T", "B-LT", "B-LTA"] = Field(
        "B-B",
        description="PAdES level of our papers. What is missing of it (an authority is down) is completed later.",
    )
    roots_file: Path | None = Field(
        None, description="Root certificates (PEM) that signatures are trusted under: the national ones."
    )
    stamping_roots_file: Path | None = Field(
        None, description="Root certificates (PEM) that time-stamps are trusted under."
    )
    signers: dict[str, dict[str, Any]] = Field(
        default={},
        repr=False,
        description="Keys outside of var/keys by purpose (receipt): kind pkcs12 (path, password_file), pkcs11 (module, "
        "token, key, pin_file) or remote (CSC API v2: url, client_id, client_secret_file, credential, "
        "pin_file where its owner has a PIN).",
    )
    proof_log_name: str = Field(
        "",
        pattern=r"^[^\s+]{0,200}$",
        description="Name of the proof log in its checkpoints (C2SP origin); without it public_url and /log. "
        "It is part of every proof: choose it once.",
    )
    proof_log_witnesses: list[str] = Field(
        default=[],
        description="Public keys of the witnesses whose signatures under our checkpoints are kept: NAME+HASH+KEY.",
    )
    proof_log_entries: Literal["public", "hidden"] = Field(
        "public",
        description="Whether anybody may read the leaves of the proof log, and not their hashes alone: states, times "
        "and sums, without names, case codes and papers.",
    )
    retention_months: int = Field(
        60,
        ge=1,
        description="Months after the end of a case (result handed over, refused, withdrawn, stopped) for which its "
        "people are known; a procedure may name its own (`keep_months`). Luật 91/2025/QH15, NĐ 356/2025/NĐ-CP and Luật "
        "Lưu trữ 33/2024 name no period for all cases: the agency decides it.",
    )
    account_retention_months: int = Field(
        120,
        ge=1,
        description="Months after the end of their year for which receipts, refunds and statements say who paid: "
        "accounting documents (Luật Kế toán 88/2015/QH13 điều 41; NĐ 174/2016/NĐ-CP điều 13 and 15).",
    )
    message_retention_months: int = Field(
        24,
        ge=1,
        description="Months for which messages are kept as they came, and answers to our calls; from then on only that "
        "they came, from whom and how they were judged.",
    )
    show_views: bool = Field(
        default=False,
        description="Whether the page of a case tells the citizen when an official looked at the personal data.",
    )
    log_level: str = Field("INFO", description="Least level that is logged.")
    vnpay: VnpaySettings | None = Field(None, description="VNPAY; without it this provider is not offered.")
    dvcqg: DvcqgSettings | None = Field(None, description="The national platform; as vnpay.")
    vnpost_ngsp: VnpostSettings | None = Field(None, description="VNPost; without it nothing is mailed.")
