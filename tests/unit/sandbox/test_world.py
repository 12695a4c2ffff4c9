"""The world file, and the process that plays it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from sandbox_virtual import SECRET, whole_world

from sandbox.config import SERVERS, load_world, read_world
from sandbox.errors import WorldMisconfigured
from sandbox.faults import MAGIC
from sandbox.serving import Server, new_app

ROOT = Path(__file__).parents[3]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
SECTIONS = ["gateway_url", "seed", "state_dir", "bank", *SERVERS]
OPTIONAL = {("ttttqg", name) for name in ("algorithm", "private_key_file", "gateway_key_file")}


def start(file: Path) -> Any:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--world", str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: Any, how: Any = signal.SIGTERM) -> Any:
    process.send_signal(how)
    out, err = process.communicate(timeout=15)
    return process.returncode, out, err


@pytest.fixture
def file(setting: Any, tmp_path: Path) -> Any:
    path = tmp_path / "world.json"
    path.write_text(json.dumps(setting.values))
    return path


def test_every_server_says_that_it_is_well(world: Any) -> None:
    assert {"vnpay", "dvcqg", "post", "bank", "portal"} == set(world.urls)
    for name, url in world.urls.items():
        assert {"ok": True, "server": name} == requests.get(f"{url}/healthz", timeout=5).json()
        assert url.startswith("http://127.0.0.1:")


def test_a_server_that_the_file_does_not_name_is_not_started(setting: Any) -> None:
    for name in ("vnpay", "post", "portal"):
        del setting.values[name]
    assert {"dvcqg", "bank"} == set(setting.start().urls)


@pytest.mark.parametrize(
    ("section", "name", "value", "sentence"),
    [
        ("", "gateway_url", "ftp://x", "gateway_url must be an http or https address"),
        ("", "seed", 1.5, "seed must be a whole number"),
        ("", "sead", 4, "sead is not a setting"),
        ("", "bank", None, "bank must be a JSON object"),
        ("vnpay", "secret", None, "vnpay.secret must be a text that is not empty"),
        ("vnpay", "port", 70000, "vnpay.port must be a whole number from 0 to 65535"),
        ("vnpay", "tmn_codes", "x", "vnpay.tmn_codes is not a setting"),
        ("dvcqg", "answer_shape", "round", "dvcqg.answer_shape must be direct or wrapped"),
        ("post", "step_s", 0, "post.step_s must be seconds"),
        ("post", "step_s", float("nan"), "post.step_s must be seconds"),
        ("bank", "accounts", [], "bank.accounts must be a list of 1 to 50 accounts"),
        ("portal", "webhook_secret", "abc", "portal.webhook_secret must be a secret"),
        ("dvcqg", "bill_shape", "round", "dvcqg.bill_shape must be link or pdf"),
        ("dvcqg", "inquiry_url", "x", "dvcqg.inquiry_url must be an http or https address"),
        ("transfers", "hooks", None, "transfers.hooks must be a list of 1 to 20 objects"),
        ("transfers", "hooks", [], "transfers.hooks must be a list of 1 to 20 objects"),
        ("transfers", "hooks", [{}], r"transfers.hooks\[0\].profile must be a text"),
        (
            "transfers",
            "hooks",
            [{"profile": "x", "url": "http://x", "secret": "s"}],
            r"transfers.hooks\[0\].profile must be sepay or casso_v2 or payos",
        ),
        (
            "transfers",
            "hooks",
            [{"profile": "sepay", "url": "x", "secret": "s"}],
            r"transfers.hooks\[0\].url must be an http",
        ),
        ("keypay", "key_2", "", "keypay.key_2 must be a text that is not empty"),
        ("paygov", "lgsp_tokens", "x", "paygov.lgsp_tokens is not a setting"),
        ("viettelpay", "slow_s", "x", "viettelpay.slow_s must be seconds"),
        ("vietinbank", "gateway_key_file", 4, "vietinbank.gateway_key_file must be a text"),
        ("bidv", "getbill_url", None, "bidv.getbill_url must be a text"),
        ("ttttqg", "notice_url", "ftp://x", "ttttqg.notice_url must be an http"),
        ("post", "status_exists", 10_000, "post.status_exists must be a whole number"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, section: str, name: str, value: Any, sentence: str) -> None:
    values = whole_world(tmp_path)
    read_world(values)
    (values[section] if section else values)[name] = value
    with pytest.raises(WorldMisconfigured, match=f"^{sentence}"):
        read_world(values)


@pytest.mark.parametrize("name", [*SERVERS, "bank"])
def test_each_setting_without_a_default_is_asked_for_and_the_others_are_not(
    tmp_path: Path, name: str
) -> None:
    whole = whole_world(tmp_path)
    for key in whole[name]:
        values = whole_world(tmp_path)
        del values[name][key]
        if (name, key) in OPTIONAL:
            read_world(values)
        else:
            with pytest.raises(WorldMisconfigured, match=rf"^{name}\.{key} must be "):
                read_world(values)


def test_a_wrong_account_is_named(setting: Any) -> None:
    right = setting.values["bank"]["accounts"][0]
    for wrong, sentence in (
        ({**right, "bin": "97041"}, r"bank.accounts\[0\].bin must be 6 digits"),
        ({**right, "number": "12 34"}, r"bank.accounts\[0\].number must be"),
        ({**right, "opening_vnd": 1.0}, r"bank.accounts\[0\].opening_vnd must be"),
        ({**right, "iban": ""}, r"bank.accounts\[0\].iban is not a setting"),
    ):
        setting.values["bank"]["accounts"] = [wrong]
        with pytest.raises(WorldMisconfigured, match=sentence):
            read_world(setting.values)
    setting.values["bank"]["accounts"] = [right, right]
    with pytest.raises(WorldMisconfigured, match="accounts with different numbers"):
        read_world(setting.values)


@given(JSON | st.dictionaries(st.sampled_from(SECTIONS), JSON))
def test_no_world_file_breaks_its_reader(values: Any) -> None:
    with pytest.raises(WorldMisconfigured):
        read_world(values)


def test_a_file_that_is_absent_or_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(b'{"seed": 4')
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    for name in ("absent.json", "broken.json", "bytes.json"):
        with pytest.raises(WorldMisconfigured, match=name):
            load_world(tmp_path / name)


def test_the_documentation_shows_a_world_that_can_be_read_and_the_true_magic_amounts() -> None:
    text = (ROOT / "docs" / "sandbox.md").read_text("utf-8")
    shown = [block.partition("```")[0] for block in text.split("```json\n")[1:]]
    settings = read_world(json.loads(next(block for block in shown if "gateway_url" in block)))
    assert settings.vnpay is not None
    assert 8181 == settings.vnpay.port
    assert set(MAGIC) == {int(digits) for digits in re.findall(r"^\| (\d{3}) \|", text, re.MULTILINE)}


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    values = whole_world(tmp_path)
    values["portal"]["webhook_secret"] = f"whsec_{SECRET}"
    values["dvcqg"]["inquiry_token"] = values["bidv"]["bearer_token"] = values["ttttqg"]["secret"] = SECRET
    for section, names in {"paygov": ("bearer_token", "lgsp_token"), "keypay": ("key_1", "key_2")}.items():
        values[section] |= dict.fromkeys(names, SECRET)
    assert SECRET not in repr(read_world(values))


def test_a_port_that_is_taken_is_said_in_one_sentence(setting: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(WorldMisconfigured, match=f"port {port} of 127.0.0.1 cannot be used"):
            Server(new_app("x"), port)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_when_it_is_ready_and_stops_cleanly(file: Path, how: Any) -> None:
    process = start(file)
    ready = json.loads(process.stdout.readline())
    assert (True, process.pid) == (ready["ready"], ready["pid"])
    assert 200 == requests.get(f"{ready['urls']['portal']}/healthz", timeout=5).status_code
    assert (0, "", "") == end(process, how)


def test_the_process_says_in_one_sentence_what_is_wrong(file: Path, setting: Any) -> None:
    setting.values["vnpay"]["port"] = "x"
    file.write_text(json.dumps(setting.values))
    out, err = start(file).communicate(timeout=15)
    assert ("", "sandbox: vnpay.port must be a whole number from 0 to 65535\n") == (out, err)


def test_a_killed_process_loses_nothing(
    file: Path, setting: Any, listener: Any, vnpay_at: Any, dvcqg_at: Any
) -> None:
    setting.values["vnpay"]["ipn_interval_s"] = 1.0
    file.write_text(json.dumps(setting.values))
    listener.answers = [(503, b""), (200, b'{"RspCode":"00","MaLoi":"00"}')]
    process = start(file)
    urls = json.loads(process.stdout.readline())["urls"]
    _, created = vnpay_at(urls["vnpay"]).pay("GW0001", 180_000)
    dvcqg_at(urls["dvcqg"]).init("GW0002", 20_000)
    listener.wait_for(1)
    assert -signal.SIGKILL == end(process, signal.SIGKILL)[0]
    process = start(file)
    urls = json.loads(process.stdout.readline())["urls"]
    assert 2 == len(listener.wait_for(2))
    assert "00" == vnpay_at(urls["vnpay"]).query("GW0001", created)["vnp_TransactionStatus"]
    assert "3" == dvcqg_at(urls["dvcqg"]).query("GW0002")["TrangThaiGD"]
    accounts = requests.get(f"{urls['bank']}/accounts", timeout=5).json()["accounts"]
    assert 1_180_000 == accounts[0]["balance_vnd"]
    assert 0 == end(process)[0]


def test_the_whole_world_is_played_by_one_small_process(tmp_path: Path) -> None:
    values = {**whole_world(tmp_path), "state_dir": str(tmp_path / "state")}
    (tmp_path / "world.json").write_text(json.dumps(values))
    process = start(tmp_path / "world.json")
    urls = json.loads(process.stdout.readline())["urls"]
    for name, url in urls.items():
        assert {"ok": True, "server": name} == requests.get(f"{url}/healthz", timeout=5).json()
    status = Path(f"/proc/{process.pid}/status").read_text()
    resident_kb = int(status.split("VmRSS:")[1].split()[0])
    assert (0, "", "") == end(process)
    assert ({"bank", *SERVERS}, True) == (set(urls), resident_kb < 95_000), resident_kb


def test_the_sandbox_shares_no_code_with_the_gateway(file: Path) -> None:
    names = ("gateway", "adapters", "postal", "signing")
    code = "import sys, sandbox.world, sandbox.citizen, sandbox.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    ).stdout.split()
    assert [] == [module for module in loaded if module.split(".")[0] in names]


def test_a_slow_answer_does_not_hold_up_the_end_of_the_world(setting: Any, dvcqg_at: Any) -> None:
    setting.values["dvcqg"]["slow_s"] = 30.0
    world = setting.start()
    caller = dvcqg_at(world.urls["dvcqg"])
    with socket.create_connection(("127.0.0.1", int(caller.url.rpartition(":")[2]))) as wire:
        wire.settimeout(5)
        body = json.dumps(caller.init_body("GW0001", 10_105)).encode()
        wire.sendall(b"POST /init HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        time.sleep(0.2)
        started = time.monotonic()
        setting.stop(world)
        assert time.monotonic() - started < 5
        assert b"UrlThanhToan" in wire.recv(65536)
