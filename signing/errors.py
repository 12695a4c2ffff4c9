"""Every error that this library raises, as one tree.

SigningError
├── BadSignature          the proof of origin does not hold
├── Malformed             not of the format that the standard names
├── Expired               genuine perhaps, but outside of the window of time that is accepted
├── UnknownKey            nobody here knows the key that is named
├── ForbiddenAlgorithm    the message asks for an algorithm that its key may not be used with
├── SignerAway            the key is in a place that cannot be reached now
└── Refused               whoever has the key says no

`str(error)` is one clear sentence and never holds a key, a secret, a signature or a value of the message.
"""


class SigningError(Exception):
    """Root of the tree."""


class BadSignature(SigningError):  # noqa: N818 - named for what happened, not for being an error
    """The proof of origin does not hold."""


class Malformed(SigningError):  # noqa: N818 - as above
    """Not of the format that the standard names."""


class Expired(SigningError):  # noqa: N818 - as above
    """Outside of the window of time that is accepted."""


class UnknownKey(SigningError):  # noqa: N818 - as above
    """Nobody here knows the key that is named."""


class ForbiddenAlgorithm(SigningError):  # noqa: N818 - as above
    """The message asks for an algorithm that its key may not be used with."""


class SignerAway(SigningError):  # noqa: N818 - as above
    """The key is in a place that cannot be reached now: a module that is not plugged in, a service that is down."""


class Refused(SigningError):  # noqa: N818 - as above
    """Whoever has the key says no: a wrong PIN, an owner who does not confirm."""
