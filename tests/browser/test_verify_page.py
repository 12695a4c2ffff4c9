"""The page `/verify` as it was saved to a file, opened without a network in a real browser.

It has to say of each container what the verifier of `signing/verifier.py` says, letter by letter.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from playwright.sync_api import Browser, sync_playwright

from gateway.web.verify import SCRIPT
from signing import asic, verifier
from signing.pdf import PdfSigner
from signing.signer import KeySigner
from tests.tools import tool
from tests.unit.signing import container_parts, test_verifier
from tests.unit.signing.container_parts import (
    AT,
    ORDER,
    OTHER_ROOT,
    ROOT,
    SIGNER,
    SIGNER_KEY,
    Parts,
    log_key,
    unzipped,
    zipped,
)
from tests.unit.signing.hostile_containers import HOSTILE
from tests.unit.signing.pki_world import printed

pytestmark = pytest.mark.service


def saved_page(log: str, root: str) -> str:
    folder = Path("gateway/web/templates")
    page = Environment(loader=FileSystemLoader(folder), autoescape=True).get_template("verify.html")
    return page.render(script=Markup(SCRIPT), log_key=log, paper_root=root, asked=None, found=None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


ALL = """async ([files, known]) => {
  const found = {};
  for (const [name, data] of Object.entries(files)) {
    const place = document.createElement("div");
    await showOutcome(new File([Uint8Array.from(atob(data), (each) => each.charCodeAt(0))], name), place, known);
    found[name] = [place.dataset.outcome, ...Array.from(place.querySelectorAll("p"), (each) => each.textContent)];
  }
  return found;
}"""


def told(
    chromium: Browser, folder: Path, cases: Mapping[str, bytes], log: str = "", root: str = ""
) -> Mapping[str, Sequence[str]]:
    """What the saved page says of each file: its outcome, and its paragraphs.

    The last one is chosen by hand; the others are given to what the choice calls, since a page load takes a second.
    """
    saved = folder / "verify.html"
    saved.write_text(saved_page(log, root), encoding="utf-8")
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.goto(saved.as_uri())
    known = {"logKey": log, "paperRoot": root}
    encoded = {name: base64.b64encode(data).decode() for name, data in cases.items()}
    found: dict[str, Sequence[str]] = page.evaluate(ALL, [encoded, known])
    name, data = list(cases.items())[-1]
    page.set_input_files("#container", {"name": name, "mimeType": "", "buffer": data})
    page.wait_for_selector("#outcome[data-outcome]")
    place = page.locator("#outcome")
    found[name] = [str(place.get_attribute("data-outcome")), *place.locator("p").all_text_contents()]
    context.close()
    return found


def pem_line(certificate: object) -> str:
    pem = certificate.public_bytes(container_parts.Encoding.PEM).decode()  # type: ignore[attr-defined]
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def flipped(name: str) -> bytes:
    """The whole container with one byte of one part changed."""
    parts = unzipped(test_verifier.WHOLE)
    middle = len(parts[name]) // 2
    parts[name] = parts[name][:middle] + bytes([parts[name][middle] ^ 1]) + parts[name][middle + 1 :]
    return zipped(parts.items())


def spoken(data: bytes, **known: Any) -> Sequence[str]:
    """What the page has to say, by the words of the verifier."""
    try:
        vi, en = verifier.check(data, **known).sentence().split(" / ")
    except verifier.Broken as broken:
        vi, en = str(broken).split(" / ")
        return ["broken", f"Không hợp lệ: {vi}. Not valid: {en}."]
    return ["valid", f"Hợp lệ. {vi} Valid. {en}"]


def test_the_saved_page_says_what_the_verifier_says(chromium: Browser, tmp_path: Path) -> None:
    """Of every container that the verifier is tried with, letter by letter."""
    cases = {name: test_verifier.altered(change) for name, (change, _) in test_verifier.TAMPERED.items()}
    cases |= {f"hostile: {name}": data for name, (data, _) in HOSTILE.items()}
    cases |= {f"flipped {name}": flipped(name) for name in unzipped(test_verifier.WHOLE)}
    signer = KeySigner(SIGNER_KEY, SIGNER, (ROOT,))
    with_order = Parts()
    with_order.papers["orders/4.http"] = ORDER
    valid = {
        "whole": test_verifier.WHOLE,
        "ours": asic.build(Parts().files(), signer, AT),
        "forgotten": test_verifier.forgotten(),
        "with an order": with_order.packed(),
    }
    cases |= {"no zip": b"hello", "nothing": b"", **valid}
    expected = {name: spoken(data, key=log_key(), root=ROOT) for name, data in cases.items()}
    assert set(valid) == {name for name, said in expected.items() if said[0] == "valid"}
    found = told(chromium, tmp_path, cases, log_key(), pem_line(ROOT))
    assert expected == dict(found)


def test_a_bit_flipped_anywhere_is_told_by_the_page_as_by_the_verifier(
    chromium: Browser, tmp_path: Path
) -> None:
    whole = test_verifier.WHOLE
    signature = range(whole.index(b"signature.p7s0") + 13, whole.index(b"PK\x01\x02"), 9)
    places = dict.fromkeys([*range(0, len(whole), 97), *signature])
    cases = {str(at): whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :] for at in places}
    expected = {name: spoken(data, key=log_key(), root=ROOT) for name, data in cases.items()}
    assert {"broken"} == {said[0] for said in expected.values()}
    assert expected == dict(told(chromium, tmp_path, cases, log_key(), pem_line(ROOT)))


def test_a_page_without_the_key_says_whose_word_it_takes(chromium: Browser, tmp_path: Path) -> None:
    (said,) = told(chromium, tmp_path, {"whole": test_verifier.WHOLE}).values()
    assert spoken(test_verifier.WHOLE) == said
    assert "compare it with the published one" in said[1]


def test_a_container_that_another_root_signed_is_not_ours(chromium: Browser, tmp_path: Path) -> None:
    (said,) = told(
        chromium, tmp_path, {"whole": test_verifier.WHOLE}, log_key(), pem_line(OTHER_ROOT)
    ).values()
    assert "broken" == said[0]
    assert spoken(test_verifier.WHOLE, key=log_key(), root=OTHER_ROOT) == said


def receipt() -> bytes:
    """A small paper, signed as ours are."""
    signer = PdfSigner(KeySigner(SIGNER_KEY, SIGNER, (ROOT,)))
    return signer.sign(printed("Biên lai"), reason="Phát hành", location="Việt Nam", at=AT).pdf


def test_a_signed_receipt_is_checked_in_the_page(chromium: Browser, tmp_path: Path) -> None:
    whole = receipt()
    middle = whole.index(b"/ByteRange") - 400
    files = {
        "whole": whole,
        "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "extended": whole + b"\n% one line more\n",
        "unsigned": printed("Biên lai"),
    }
    said = told(chromium, tmp_path, files, log_key(), pem_line(ROOT))
    assert [
        "valid",
        "Hợp lệ. Tệp PDF còn nguyên như khi Cổng 4 ký. Valid. The PDF is as it was when Cổng 4 signed it.",
    ] == said["whole"]
    assert ["broken"] * 3 == [said[name][0] for name in ("changed", "extended", "unsigned")]
    assert "is not signed" in said["unsigned"][1]
    assert "was changed after it was signed" in said["changed"][1]
    (foreign,) = told(chromium, tmp_path, {"whole": whole}, log_key(), pem_line(OTHER_ROOT)).values()
    assert "The signature is not ours" in foreign[1]
