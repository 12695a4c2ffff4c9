import time
from datetime import timedelta

import pytest
from cryptography import x509

from signing.trust import CertificateTrust, Roots
from signing.trust_chains import MAX_CHECKS, MAX_WAYS, Issuers, issued_by, ways_up
from signing.trust_policy import Policy, Revocation
from signing.trust_words import NO_CHAIN
from signing.verdicts import Indication, Judgement, Sub
from tests.unit.signing.authorities import AT, DAY, UNKNOWN, certificate

LAYERS, WIDTH = 5, 6


@pytest.fixture(scope="module")
def root() -> x509.Certificate:
    return certificate("Root", "Root", ca=True)


@pytest.fixture(scope="module")
def middle() -> x509.Certificate:
    return certificate("Middle", "Root", ca=True)


@pytest.fixture(scope="module")
def signer() -> x509.Certificate:
    return certificate("Signer", "Middle")


def judged(
    root: x509.Certificate,
    certificate: x509.Certificate,
    *others: x509.Certificate,
    revocation: Revocation = Revocation.NONE,
) -> Judgement:
    trust = CertificateTrust(Roots(national=(root,)), policy=Policy(revocation=revocation))
    return trust.judge(certificate, others, at=AT)


@pytest.fixture(scope="module")
def forged() -> list[x509.Certificate]:
    """A mesh under the names of real authorities: six names deep, six certificates wide, none genuinely signed."""
    names = ["Middle", *(f"Between {level}" for level in range(LAYERS - 1)), "Root"]
    return [
        certificate(
            names[level],
            names[level + 1],
            ca=True,
            key=f"forger {level} {wide}",
            issuer_key="forger",
            key_ids=False,
        )
        for level in range(LAYERS)
        for wide in range(WIDTH)
    ]


def test_a_mesh_of_forged_certificates_costs_no_time(
    root: x509.Certificate, middle: x509.Certificate, forged: list[x509.Certificate]
) -> None:
    expired = certificate("Signer", "Middle", begins=AT - 9 * DAY, ends=AT - DAY)
    begun = time.process_time()
    said = judged(root, expired, middle, *forged)
    assert Sub.OUT_OF_BOUNDS_NO_POE is said.sub
    assert time.process_time() - begun < 1


def test_a_mesh_that_is_genuinely_signed_is_looked_at_within_a_limit(root: x509.Certificate) -> None:
    names = [f"Mesh {number}" for number in range(8)]
    mesh = [certificate(below, above, ca=True) for below in names for above in names if below != above]
    begun = time.process_time()
    assert NO_CHAIN == judged(root, certificate("Lost", "Mesh 0"), *mesh)
    assert time.process_time() - begun < 1


def test_no_more_signatures_are_checked_than_the_limit() -> None:
    issuers = Issuers([certificate("Same", "Same", ca=True, key=str(n)) for n in range(40)], at=AT)
    asked = certificate("Below", "Same", issuer_key="0")
    found = [list(issuers.of(asked)) for _ in range(MAX_CHECKS // 40 + 2)]
    assert [1] * (MAX_CHECKS // 40) == [len(each) for each in found[: MAX_CHECKS // 40]]
    assert [] == found[-1]


@pytest.mark.parametrize("known", [True, False], ids=["its root came along", "its root is unknown"])
def test_a_cross_certificate_of_a_foreign_root_hides_no_way_to_ours(
    root: x509.Certificate, middle: x509.Certificate, signer: x509.Certificate, *, known: bool
) -> None:
    cross = certificate("Middle", "Foreign", ca=True)
    foreign = [certificate("Foreign", "Foreign", ca=True)] if known else []
    assert judged(root, signer, cross, *foreign, middle).good


@pytest.mark.parametrize("revocation", [Revocation.NONE, Revocation.SOFT])
def test_an_older_certificate_of_the_authority_does_not_stand_in_for_the_one_that_holds(
    root: x509.Certificate,
    middle: x509.Certificate,
    signer: x509.Certificate,
    revocation: Revocation,
) -> None:
    older = certificate("Middle", "Root", ca=True, begins=AT - 9 * DAY, ends=AT - DAY)
    assert judged(root, signer, older, middle, revocation=revocation).good


def test_the_second_way_counts_where_the_first_does_not_hold(
    root: x509.Certificate, middle: x509.Certificate, signer: x509.Certificate
) -> None:
    strange = certificate("Middle", "Root", ca=True, more=[(UNKNOWN, True)])
    assert (True, False) == (
        judged(root, signer, strange, middle).good,
        judged(root, signer, strange).good,
    )


def test_authorities_that_certify_each_other_are_a_circle_and_no_root(root: x509.Certificate) -> None:
    one, other = certificate("One", "Other", ca=True), certificate("Other", "One", ca=True)
    assert NO_CHAIN == judged(root, certificate("Signer", "One"), one, other)


def test_ways_are_few_and_the_shortest_comes_first(root: x509.Certificate, signer: x509.Certificate) -> None:
    many = [certificate("Middle", "Root", ca=True) for _ in range(9)]
    longer = [certificate("Middle", "Upper", ca=True), certificate("Upper", "Root", ca=True)]
    found = ways_up(signer, [root], Issuers([root, *longer, *many], at=AT))
    assert [3] * MAX_WAYS == [len(each) for each in found.ways]


def test_a_chain_that_is_not_yet_valid_says_so_in_the_authoritys_name(
    root: x509.Certificate, signer: x509.Certificate
) -> None:
    early = certificate("Middle", "Root", ca=True, begins=AT + DAY, ends=AT + 2 * DAY)
    said = judged(root, signer, early)
    assert (Indication.INDETERMINATE, Sub.OUT_OF_BOUNDS_NO_POE) == (said.indication, said.sub)


def test_only_what_an_authority_of_the_chain_signed_may_speak_for_it(
    root: x509.Certificate, middle: x509.Certificate, signer: x509.Certificate
) -> None:
    delegate = certificate("Responder", "Middle")
    forged = certificate("Responder", "Middle", issuer_key="forger")
    by_signer = certificate("Responder", "Signer")
    older = certificate("Middle", "Root", ca=True, begins=AT - timedelta(days=9))
    chain = [signer, middle, root]
    assert (delegate,) == issued_by(chain, [delegate, forged, by_signer, older, signer, delegate])
