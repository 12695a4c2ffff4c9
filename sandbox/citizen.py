"""A citizen with a browser: opens a page, reads its forms, presses a button, follows where it leads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

from sandbox.errors import CitizenLost

TIMEOUT_S = 20.0
MAX_REDIRECTS = 10
MAX_PAGES = 6
SILENT = frozenset({"script", "style", "title"})
CHOICES = frozenset({"radio", "checkbox"})


@dataclass(frozen=True, slots=True)
class Control:
    """One input, button or select option of a form."""

    kind: str
    name: str
    value: str
    chosen: bool = False


@dataclass(slots=True)
class Form:
    """A form as a browser would send it. `action` is absolute."""

    method: str
    action: str
    controls: list[Control] = field(default_factory=list)

    def filled(self) -> dict[str, str]:
        """What is sent without any choice: everything but buttons and what is not checked."""
        return {
            control.name: control.value
            for control in self.controls
            if control.kind not in {"submit", "button"} and (control.kind not in CHOICES or control.chosen)
        }

    def offers(self, name: str, value: str) -> bool:
        """Whether a button, a radio or an option named `name` has the value `value`."""
        kinds = {"submit", "option", *CHOICES}
        return any(c.kind in kinds and c.name == name and c.value == value for c in self.controls)


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was shown. `url` is where the browser stands after redirects."""

    url: str
    status: int
    text: str
    forms: tuple[Form, ...]
    links: tuple[str, ...]


class _Reader(HTMLParser):
    """Collects forms, links and visible text."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._url = url
        self._form: Form | None = None
        self._select = ""
        self._silent = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in SILENT:
            self._silent = tag
        elif tag == "a" and "href" in given:
            self.links.append(_join(self._url, given["href"]))
        elif tag == "form":
            action = _join(self._url, given.get("action") or self._url)
            self._form = Form(given.get("method", "get").lower(), action)
            self.forms.append(self._form)
        elif tag == "select":
            self._select = given.get("name", "")
        elif self._form is not None:
            self._control(tag, given)

    def _control(self, tag: str, given: Mapping[str, str]) -> None:
        if self._form is None or "disabled" in given:
            return
        match tag:
            case "input":
                control = Control(
                    given.get("type", "text").lower(),
                    given.get("name", ""),
                    given.get("value", ""),
                    chosen="checked" in given,
                )
            case "button":
                control = Control(
                    given.get("type", "submit").lower(), given.get("name", ""), given.get("value", "")
                )
            case "option":
                control = Control("option", self._select, given.get("value", ""), chosen="selected" in given)
            case _:
                return
        if control.name:
            self._form.controls.append(control)

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """`<![…>` is a comment, as in a browser; the base class would raise AssertionError on most of them."""
        return self.parse_bogus_comment(i, report=report != 0)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.words.append(" ".join(data.split()))


def _join(base: str, address: str) -> str:
    """`address` as seen from `base`; `base` itself when it is no address at all."""
    try:
        return urljoin(base, address)
    except ValueError:
        return base


def read_page(url: str, status: int, html: str) -> Page:
    """A page from its HTML. Never raises, whatever the text."""
    reader = _Reader(url)
    reader.feed(html)
    reader.close()
    return Page(url, status, " ".join(reader.words), tuple(reader.forms), tuple(reader.links))


class Citizen:
    """One browser with its cookies. Methods raise `CitizenLost`, or `requests.RequestException` without an answer."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.max_redirects = MAX_REDIRECTS
        self._session.headers["Accept-Language"] = "vi"
        self._session.headers["Accept"] = "text/html,*/*;q=0.5"

    def close(self) -> None:
        self._session.close()

    def open(self, url: str) -> Page:
        return _page(self._session.get(url, timeout=TIMEOUT_S))

    def press(self, page: Page, name: str, value: str, **entries: str) -> Page:
        """Choose `name=value` on the first form of `page` that offers it, and send it with `entries`."""
        for form in page.forms:
            if form.offers(name, value):
                return self.send(page, form, {**entries, name: value})
        raise CitizenLost(f"the page at {_place(page.url)} does not offer {name}={value}")

    def send(self, page: Page, form: Form, entries: Mapping[str, str]) -> Page:
        """Send `form` with what it holds, overwritten by `entries`; follow the redirects."""
        content = {**form.filled(), **entries}
        headers = {"Referer": page.url}
        if form.method == "post":
            answer = self._session.post(form.action, data=content, headers=headers, timeout=TIMEOUT_S)
        else:
            answer = self._session.get(form.action, params=content, headers=headers, timeout=TIMEOUT_S)
        return _page(answer)

    def choose(self, pay_url: str, provider: str) -> Page:
        """Open the gateway's pay page and choose `provider`; returns the page of that provider.

        The choice is a button, radio or option named `provider`, or a link whose address names it. A page in
        between that holds nothing but a form without a choice is sent on.
        """
        page = self.open(pay_url)
        again = [link for link in page.links if "again=1" in link]
        if not page.forms and again:
            page = self.open(again[0])  # a page that waits offers the choice behind a link
        if any(form.offers("provider", provider) for form in page.forms):
            page = self.press(page, "provider", provider)
        else:
            links = [link for link in page.links if f"provider={provider}" in link or f"/{provider}" in link]
            if not links:
                raise CitizenLost(f"the page at {_place(page.url)} does not offer {provider}")
            page = self.open(links[0])
        for _ in range(MAX_PAGES):
            if any(form.offers("result", "pay") for form in page.forms):
                return page
            if len(page.forms) != 1:
                break
            page = self.send(page, page.forms[0], {})
        raise CitizenLost(f"{provider} showed no way to pay (status {page.status} at {_place(page.url)})")

    def pay(self, pay_url: str, provider: str, *, result: str = "pay") -> Page:
        """The whole way: choose, confirm (`result` is `pay` or `cancel`), and come back. Returns the last page."""
        return self.press(self.choose(pay_url, provider), "result", result)


def _page(response: requests.Response) -> Page:
    return read_page(response.url, response.status_code, response.text)


def _place(url: str) -> str:
    """An address without its query and its last part, which may be a secret link."""
    return url.partition("?")[0].rpartition("/")[0] + "/…"
