"""The sandbox world as a process of its own, which a test may kill and start again at the same addresses."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

ROOT = Path(__file__).parents[2]
BANK = {"port": 0, "accounts": [{"bin": "970418", "number": "0123456789", "name": "TTPVHCC"}]}
PATIENCE_S = 10


class Sandbox:
    """`python -m sandbox` with these sections of a world file; `urls` by the names of the servers."""

    def __init__(self, folder: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
        ours = {name: {**section, "port": 0} for name, section in sections.items()}
        self._file = folder / "world.json"
        self._world: dict[str, Any] = {
            "gateway_url": "http://127.0.0.1:9",
            "state_dir": str(folder / "state"),
            "bank": BANK,
            **ours,
        }
        self.urls: Mapping[str, str] = {}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Until every server answers; the ports are those of the time before."""
        self._file.write_text(json.dumps(self._world), encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--world", str(self._file)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.urls = json.loads(self._process.stdout.readline())["urls"]
        for name, url in self.urls.items():
            self._world[name] = {**self._world[name], "port": urlsplit(url).port}

    def kill(self) -> None:
        """As a power cut does it; what the world knows is in its state file."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=PATIENCE_S)
        self._process = None

    def control(self, server: str, **order: object) -> None:
        answer = requests.post(f"{self.urls[server]}/_control", json=order, timeout=PATIENCE_S)
        assert answer.ok, answer.text

    def listed(self, server: str, path: str = "/_receipts") -> Any:
        return requests.get(f"{self.urls[server]}{path}", timeout=PATIENCE_S).json()


@contextmanager
def playing(folder: Path, sections: Mapping[str, Mapping[str, Any]]) -> Iterator[Sandbox]:
    made = Sandbox(folder, sections)
    made.start()
    try:
        yield made
    finally:
        made.kill()
