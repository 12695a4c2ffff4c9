"""Every error that the gateway raises, as one tree.

GatewayError
├── InputError               what reached us cannot be believed or read; nothing was changed
│   ├── Malformed            not of the format that the protocol or the contract names
│   ├── BadSignature         the proof of origin does not hold
│   ├── ForeignPartner       genuine, but meant for another partner
│   ├── TooLarge             more than is taken
│   ├── Harmful              the virus scan found something in it
│   ├── ChecksumMismatch     a chunk of an upload is not the one that was sent
│   └── UnsupportedVersion   of a protocol that has versions, one that is not spoken here
├── StateError               well formed, but not possible now
│   ├── NotFound             no such thing, or not the caller's
│   ├── ReferenceConflict    the business key is known with other content
│   ├── Forbidden            the table of states has no such move, or the caller no such right
│   │   └── WrongOffset      a chunk of an upload begins elsewhere than the last one ended
│   ├── Incomplete           something must be given first; `missing` names each thing
│   ├── PreconditionFailed   the caller's picture of the thing is out of date
│   ├── Locked               somebody else is at it now
│   └── Gone                 it was there, and ended
├── TransportError           a call to the outside did not end in an answer that we can use
│   ├── Unreachable          nothing left us: may be tried again
│   └── OutcomeUnknown       something left us: may only be asked about, by our own reference
├── Refused                  the other side answered, and said no
├── Unsupported              this provider has no such operation
└── Misconfigured            a setting is absent or cannot be right
"""

from dataclasses import dataclass


class GatewayError(Exception):
    """Root of the tree. `str(error)` is one clear sentence without personal data or secrets."""


class InputError(GatewayError):
    """What reached us cannot be believed or read; nothing was changed."""


class Malformed(InputError):  # noqa: N818 - named for what happened, not for being an error
    """Not of the format that the protocol or the contract names."""


class BadSignature(InputError):  # noqa: N818 - as above
    """The proof of origin does not hold."""


class ForeignPartner(InputError):  # noqa: N818 - as above
    """Genuine, but meant for another partner."""


class TooLarge(InputError):  # noqa: N818 - as above
    """More than is taken."""


class Harmful(InputError):  # noqa: N818 - as above
    """The virus scan found something in it."""


class ChecksumMismatch(InputError):  # noqa: N818 - as above
    """A chunk of an upload is not the one that was sent."""


class UnsupportedVersion(InputError):  # noqa: N818 - as above
    """Of a protocol that has versions, one that is not spoken here."""


class StateError(GatewayError):
    """Well formed, but not possible now."""


class NotFound(StateError):  # noqa: N818 - as above
    """No such thing, or not the caller's."""


class ReferenceConflict(StateError):  # noqa: N818 - as above
    """The business key is known with other content."""


class Forbidden(StateError):  # noqa: N818 - as above
    """The table of states has no such move, or the caller no such right."""


class WrongOffset(Forbidden):
    """A chunk of an upload begins elsewhere than the last one ended."""


class Locked(StateError):  # noqa: N818 - as above
    """Somebody else is at it now."""


class Gone(StateError):  # noqa: N818 - as above
    """It was there, and ended; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that must be given first: its code and why."""

    code: str
    reason: str


class Incomplete(StateError):  # noqa: N818 - as above
    """Something must be given first."""

    def __init__(self, message: str, missing: tuple[Missing, ...]) -> None:
        super().__init__(message)
        self.missing = missing


class PreconditionFailed(StateError):  # noqa: N818 - as above
    """The caller's picture of the thing is out of date."""


class TransportError(GatewayError):
    """A call to the outside did not end in an answer that we can use."""


class Unreachable(TransportError):  # noqa: N818 - as above
    """Nothing left us: the call may be tried again."""


class OutcomeUnknown(TransportError):  # noqa: N818 - as above
    """Something left us: it may only be asked about, by our own reference."""


class Refused(GatewayError):  # noqa: N818 - as above
    """The other side answered, and said no. `code` is its own code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Unsupported(GatewayError):  # noqa: N818 - as above
    """This provider has no such operation."""


class Misconfigured(GatewayError):  # noqa: N818 - as above
    """A setting is absent or cannot be right."""
