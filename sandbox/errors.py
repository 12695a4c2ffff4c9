"""What can go wrong in the sandbox itself, apart from the answers of its protocols.

SandboxError
├── WorldMisconfigured    the world file is absent, not JSON, or holds a value that cannot be right
├── Untrusted             a signature of the gateway is absent, too old, or does not hold
└── CitizenLost           a page does not offer what the citizen came for
"""


class SandboxError(Exception):
    """Root of the tree. `str(error)` is one clear sentence without a secret."""


class WorldMisconfigured(SandboxError):  # noqa: N818 - named for what happened
    """The world file is absent, not JSON, or holds a value that cannot be right."""


class Untrusted(SandboxError):  # noqa: N818 - as above
    """A signature of the gateway is absent, too old, or does not hold."""


class CitizenLost(SandboxError):  # noqa: N818 - as above
    """A page does not offer what the citizen came for."""
