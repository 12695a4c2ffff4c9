"""A PKCS#11 module in this process: begun once, begun anew when its token went away, and again in a child process."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pkcs11
from pkcs11.exceptions import PKCS11Error

from signing.errors import SignerAway

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library  # noqa: N812 - the module's own name is a function's too

WAIT_S: Final = 30.0
"""How long a thread waits for its turn: a module that hangs in one call holds up the others no longer."""


class Module:
    """One shared library in this process, for one thread at a time.

    The library that loads it calls C_Initialize without arguments, by which it promises that threads do not call at
    once (PKCS#11 2.40 section 5.4); SoftHSM2 takes the promise at its word and falls over when it is broken.
    """

    def __init__(self, path: str, *, again: bool) -> None:
        self._path = path
        self._again = again
        self._lock = threading.Lock()
        self.era = object()
        """Changes whenever the module began anew: what was opened before is gone."""

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else calls between these. Raises `SignerAway` when the turn never comes."""
        if not self._lock.acquire(timeout=WAIT_S):
            raise SignerAway("The module of the token does not come back from a call")
        try:
            yield
        finally:
            self._lock.release()

    def library(self) -> "Library":
        """The library, ready for calls; within a turn. Raises `PKCS11Error`."""
        library = pkcs11.lib(self._path)
        if self._again:
            with contextlib.suppress(PKCS11Error):  # it was not begun, or is a copy of the parent's
                library.finalize()
            library.initialize()
            self._again = False
        return library

    def begin_anew(self) -> None:
        """Before the next call the module ends what it has, which is of no use any more; within a turn."""
        self.era = object()
        self._again = True


_modules: dict[str, Module] = {}
_lock = threading.Lock()


def module_of(path: Path) -> Module:
    """The module of a shared library: the same one for everybody in this process."""
    with _lock:
        return _modules.setdefault(str(path), Module(str(path), again=False))


def _after_fork() -> None:
    """A child has copies of what the parent began, which PKCS#11 gives no meaning: it begins by itself."""
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()
    for path in list(_modules):
        _modules[path] = Module(path, again=True)


os.register_at_fork(after_in_child=_after_fork)
