"""What authorities say of revocation, when they or somebody in their name say it wrongly."""

from collections.abc import Callable, Sequence
from datetime import datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.errors import SignerAway
from signing.revocation import Lookup
from signing.trust import CertificateTrust, Roots
from signing.trust_policy import Policy, Revocation
from signing.trust_words import TRY_LATER
from signing.verdicts import Judgement, Sub, ValidationData
from tests.unit.signing.authorities import (
    AT,
    DAY,
    HOUR,
    INDIRECT,
    UNKNOWN,
    certificate,
    crl,
    data_of,
    ocsp_answer,
)

ON_HOLD = x509.ReasonFlags.certificate_hold
MAY_ANSWER = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
UNASKED = (x509.OCSPNoCheck(), False)


@pytest.fixture(scope="module")
def root() -> x509.Certificate:
    return certificate("Root", "Root", ca=True)


@pytest.fixture(scope="module")
def middle() -> x509.Certificate:
    return certificate("Middle", "Root", ca=True)


@pytest.fixture(scope="module")
def signer() -> x509.Certificate:
    return certificate("Signer", "Middle")


class People:
    """The signer, its authority and the root, and what is said of the signer by given answers."""

    def __init__(self, root: x509.Certificate, middle: x509.Certificate, signer: x509.Certificate) -> None:
        self.root, self.middle, self.signer = root, middle, signer

    def said(
        self, data: ValidationData, *, revocation: Revocation = Revocation.HARD, at: datetime = AT
    ) -> Judgement:
        trust = CertificateTrust(Roots(national=(self.root,)), policy=Policy(revocation=revocation))
        return trust.judge(self.signer, [self.middle], at=at, data=data)

    def said_of_signer(self, *, ocsps: Sequence[bytes] = (), crls: Sequence[bytes] = ()) -> Judgement:
        """With a good answer about the authority beside the given ones."""
        above = ocsp_answer(self.middle, self.root)
        return self.said(data_of(ocsps=[above, *ocsps], crls=crls))


@pytest.fixture(scope="module")
def people(root: x509.Certificate, middle: x509.Certificate, signer: x509.Certificate) -> People:
    return People(root, middle, signer)


def test_answers_of_the_authorities_themselves_are_believed(people: People) -> None:
    good = ocsp_answer(people.signer, people.middle)
    assert people.said_of_signer(ocsps=[good]).good
    assert people.said_of_signer(crls=[crl("Middle")]).good


def test_an_authority_that_was_revoked_cannot_vouch_for_itself_by_an_indirect_list(people: People) -> None:
    own = crl("Middle", more=[(INDIRECT, True)])
    answers = data_of(ocsps=[ocsp_answer(people.signer, people.middle)], crls=[own])
    assert TRY_LATER == people.said(answers)


@pytest.mark.parametrize("revocation", [Revocation.HARD, Revocation.SOFT])
def test_of_two_answers_the_one_that_says_revoked_counts(people: People, revocation: Revocation) -> None:
    above, good = ocsp_answer(people.middle, people.root), ocsp_answer(people.signer, people.middle)
    by_ocsp = ocsp_answer(people.signer, people.middle, revoked_at=AT - HOUR)
    by_list = crl("Middle", (people.signer, AT - HOUR))
    for data in (data_of(ocsps=[above, good, by_ocsp]), data_of(ocsps=[above, good], crls=[by_list])):
        assert Sub.REVOKED_NO_POE is people.said(data, revocation=revocation).sub


def test_a_forged_word_that_a_certificate_is_revoked_is_not_believed(people: People) -> None:
    good = ocsp_answer(people.signer, people.middle)
    forger = certificate("Forger", "Middle", issuer_key="forger", more=[MAY_ANSWER, UNASKED])
    forged = ocsp_answer(people.signer, people.middle, revoked_at=AT - HOUR, by=forger)
    assert people.said_of_signer(ocsps=[good, forged]).good


def test_the_authority_that_is_revoked_has_its_own_name_in_the_standard(people: People) -> None:
    good = ocsp_answer(people.signer, people.middle)
    by_list = data_of(ocsps=[good], crls=[crl("Root", (people.middle, AT - DAY))])
    beside = data_of(
        ocsps=[good, ocsp_answer(people.middle, people.root)], crls=[crl("Root", (people.middle, AT - DAY))]
    )
    nothing_of_signer = data_of(crls=[crl("Root", (people.middle, AT - DAY))])
    for data in (by_list, beside, nothing_of_signer):
        assert Sub.REVOKED_CA_NO_POE is people.said(data).sub


@pytest.mark.parametrize("way", ["ocsp", "list"])
def test_what_was_revoked_later_was_good_until_then(people: People, way: str) -> None:
    """Both the signer and the authority, whatever way it is told."""
    times = {"begins": AT + 2 * DAY, "ends": AT + 3 * DAY}
    if way == "ocsp":
        told = [
            ocsp_answer(people.signer, people.middle, revoked_at=AT + DAY, **times),
            ocsp_answer(people.middle, people.root, revoked_at=AT + DAY, **times),
        ]
        data = data_of(ocsps=told)
    else:
        lists = [
            crl("Middle", (people.signer, AT + DAY), **times),
            crl("Root", (people.middle, AT + DAY), **times),
        ]
        data = data_of(crls=lists)
    assert people.said(data).good
    assert people.said(data, at=AT + 2 * DAY).sub in {Sub.REVOKED_NO_POE, Sub.REVOKED_CA_NO_POE}


@pytest.mark.parametrize("way", ["ocsp", "list"])
@pytest.mark.parametrize("revocation", [Revocation.HARD, Revocation.SOFT])
def test_a_certificate_on_hold_may_come_back_and_counts_for_nothing_until_then(
    people: People, way: str, revocation: Revocation
) -> None:
    above = ocsp_answer(people.middle, people.root)
    told = ocsp_answer(people.signer, people.middle, revoked_at=AT - DAY, reason=ON_HOLD)
    listed = crl("Middle", (people.signer, AT - DAY), reason=ON_HOLD)
    data = data_of(ocsps=[above, told]) if way == "ocsp" else data_of(ocsps=[above], crls=[listed])
    said = people.said(data, revocation=revocation)
    assert (Sub.TRY_LATER, "The certificate is suspended since 2026-11-23") == (said.sub, said.why)


@pytest.mark.parametrize(
    ("more", "by", "ends"),
    [
        pytest.param((UNASKED,), "Middle", AT + DAY, id="not named as one that may answer"),
        pytest.param((MAY_ANSWER, UNASKED), "Root", AT + DAY, id="named by another authority"),
        pytest.param((MAY_ANSWER, UNASKED), "Middle", AT - HOUR, id="expired"),
        pytest.param((MAY_ANSWER, UNASKED), "forger", AT + DAY, id="forged"),
    ],
)
def test_only_a_responder_that_its_authority_named_may_answer(
    people: People, more: Sequence[tuple[x509.ExtensionType, bool]], by: str, ends: datetime
) -> None:
    issuer, key = ("Middle", "forger") if by == "forger" else (by, by)
    responder = certificate("Responder", issuer, issuer_key=key, ends=ends, more=more)
    answer = ocsp_answer(people.signer, people.middle, by=responder)
    assert TRY_LATER == people.said_of_signer(ocsps=[answer])


def test_a_responder_that_its_authority_named_may_answer(people: People) -> None:
    responder = certificate("Responder", "Middle", more=[MAY_ANSWER, UNASKED])
    assert people.said_of_signer(ocsps=[ocsp_answer(people.signer, people.middle, by=responder)]).good


def test_an_answer_about_the_number_of_another_authority_is_none(people: People) -> None:
    responder = certificate("Responder", "Middle", more=[MAY_ANSWER, UNASKED])
    namesake = certificate("Middle", "Root", ca=True, key="namesake")
    answer = ocsp_answer(people.signer, namesake, by=responder)
    assert TRY_LATER == people.said_of_signer(ocsps=[answer])


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(lambda: crl("Middle", begins=AT - 3 * DAY, ends=AT - DAY), id="out of date"),
        pytest.param(
            lambda: crl("Middle", more=[(UNKNOWN, True)]), id="with something critical that is unknown"
        ),
        pytest.param(lambda: crl("Middle", more=[(x509.DeltaCRLIndicator(1), True)]), id="of changes alone"),
        pytest.param(lambda: crl("Root"), id="of another authority"),
        pytest.param(lambda: b"\x30\x00", id="unreadable"),
    ],
)
def test_a_list_that_does_not_say_it_is_no_answer(people: People, listed: Callable[[], bytes]) -> None:
    assert TRY_LATER == people.said_of_signer(crls=[listed()])


@pytest.mark.parametrize(("begins", "ends"), [(AT - 2 * DAY, AT - DAY), (AT + DAY, AT + 2 * DAY)])
def test_the_list_is_asked_for_where_the_ocsp_answer_is_not_of_now(
    people: People, begins: datetime, ends: datetime
) -> None:
    stale = ocsp_answer(people.signer, people.middle, begins=begins, ends=ends)

    def fetch(url: str, _media_type: str, _body: bytes | None) -> bytes:
        return stale if "ocsp" in url else crl("Middle")

    said = Lookup(fetch, clock=lambda: AT).revocation(people.signer, people.middle)
    assert (None, True) == (said.ocsp, said.crl is not None)


def test_an_ocsp_answer_out_of_date_is_an_outage_where_there_is_no_list(people: People) -> None:
    stale = ocsp_answer(people.signer, people.middle, begins=AT - 2 * DAY, ends=AT - DAY)

    def fetch(url: str, _media_type: str, _body: bytes | None) -> bytes:
        return stale if "ocsp" in url else b""

    with pytest.raises(SignerAway):
        Lookup(fetch, clock=lambda: AT).revocation(people.signer, people.middle)
