"""Debian's tools that some tests hold our work against. In CI a missing one is a failure, elsewhere a skipped test."""

import os
import shutil

import pytest

PACKAGES = {
    "chromium": "chromium",
    "openssl": "openssl",
    "pdfsig": "poppler-utils",
    "pdftotext": "poppler-utils",
    "softhsm2-util": "softhsm2",
    "unzip": "unzip",
    "xmlsec1": "xmlsec1",
}
"""Each tool by the package it comes in; `make tools` installs them."""


def tool(name: str) -> str:
    """The path of a tool."""
    found = shutil.which(name)
    if found is None:
        words = f"{name} is not here: apt-get install {PACKAGES[name]}"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return found
