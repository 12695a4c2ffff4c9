"""The public tools: how each is called, and in which version it is here."""

import shutil
from functools import cache
from importlib.metadata import version
from pathlib import Path

from tests.tools import PACKAGES
from tests.unit.signing.signing_people import run

PROGRAMS = {
    "openssl": ("openssl", "version"),
    "xmlsec1": ("xmlsec1", "--version"),
    "pdfsig": ("pdfsig", "-v"),
    "unzip": ("unzip", "-v"),
}
LIBRARIES = ("http-message-signatures", "pyHanko", "pymerkle", "signxml", "standardwebhooks")


def missing() -> list[str]:
    """The programs that are not here, each with the package that it comes in."""
    return [f"{name}: apt-get install {PACKAGES[name]}" for name in PROGRAMS if shutil.which(name) is None]


@cache
def version_of(tool: str) -> str:
    """The version of each part of a name such as `openssl cms` or `unzip, openssl cms`."""
    return ", ".join(dict.fromkeys(_version(part.split()[0]) for part in tool.split(", ")))


def _version(name: str) -> str:
    if name in LIBRARIES:
        return version(name)
    words = run(*PROGRAMS[name])[1].decode().split()
    return next(word for word in words if word[0].isdigit())


class Bench:
    """A folder where the tools find what they are given; each call writes over the files of the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def accepts(self, *command: str | Path) -> bool:
        """Whether the program ends with 0."""
        return run(*command)[0] == 0

    def said(self, *command: str | Path) -> bytes:
        """What the program says, on either of its outputs: for those that end with 0 whatever they find."""
        return run(*command)[1]
