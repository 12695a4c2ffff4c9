"""The page `/verify` as it was saved to a file, opened without a network in a real browser.

It has to say of each container what the verifier of `signing/verifier.py` says, letter by letter.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path

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
from tests.unit.signing.container_parts import AT, OTHER_ROOT, ROOT, SIGNER, SIGNER_KEY, Parts, log_key
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


def told(
    chromium: Browser, folder: Path, cases: Mapping[str, bytes], log: str = "", root: str = ""
) -> Mapping[str, Sequence[str]]:
    """What the saved page says of each file that is chosen in it: its outcome, and its paragraphs."""
    saved = folder / "verify.html"
    saved.write_text(saved_page(log, root), encoding="utf-8")
    context = chromium.new_context(offline=True)
    page = context.new_page()
    found = {}
    for name, data in cases.items():
        page.goto(saved.as_uri())
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
    with zipfile.ZipFile(BytesIO(test_verifier.WHOLE)) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}
    middle = len(parts[name]) // 2
    parts[name] = parts[name][:middle] + bytes([parts[name][middle] ^ 1]) + parts[name][middle + 1 :]
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for each, content in parts.items():
            archive.writestr(zipfile.ZipInfo(each), content)
    return out.getvalue()


def test_the_saved_page_says_what_the_verifier_says(chromium: Browser, tmp_path: Path) -> None:
    cases = {name: test_verifier.altered(change) for name, (change, _) in test_verifier.TAMPERED.items()}
    cases |= {f"flipped {name}": flipped(name) for name in ("evidence.json", "checkpoint.txt", "README.txt")}
    cases |= {"flipped signature": flipped("META-INF/signature.p7s"), "no zip": b"hello"}
    expected = {}
    for name, data in cases.items():
        with pytest.raises(verifier.Broken) as broken:
            verifier.check(data, key=log_key(), root=ROOT)
        vi, en = str(broken.value).split(" / ")
        expected[name] = ["broken", f"Không hợp lệ: {vi}. Not valid: {en}."]
    vi, en = verifier.check(test_verifier.WHOLE, key=log_key(), root=ROOT).sentence().split(" / ")
    signer = KeySigner(SIGNER_KEY, SIGNER, (ROOT,))
    cases["ours"] = asic.build(Parts().files(), signer, AT)
    expected["ours"] = ["valid", f"Hợp lệ. {vi} Valid. {en}"]
    cases["whole"], expected["whole"] = test_verifier.WHOLE, ["valid", f"Hợp lệ. {vi} Valid. {en}"]
    assert expected == dict(told(chromium, tmp_path, cases, log_key(), pem_line(ROOT)))


def test_a_page_without_the_key_says_whose_word_it_takes(chromium: Browser, tmp_path: Path) -> None:
    (said,) = told(chromium, tmp_path, {"whole": test_verifier.WHOLE}).values()
    vi, en = verifier.check(test_verifier.WHOLE).sentence().split(" / ")
    assert ["valid", f"Hợp lệ. {vi} Valid. {en}"] == said


def test_a_container_that_another_root_signed_is_not_ours(chromium: Browser, tmp_path: Path) -> None:
    (said,) = told(
        chromium, tmp_path, {"whole": test_verifier.WHOLE}, log_key(), pem_line(OTHER_ROOT)
    ).values()
    assert "broken" == said[0]
    assert "The signature of the container does not hold" in said[1]


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
