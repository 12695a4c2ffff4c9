import base64
import time
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import BadSignature, Expired, Malformed, SigningError
from signing.keys import Kind, generate
from signing.webhooks import (
    Trust,
    generate_secret,
    public_key_from_text,
    public_key_text,
    secret_bytes,
    sign,
    verify,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = bytes(range(32))
KEY = generate(Kind.ED25519)
BODY = '{"type":"payment.succeeded","note":"đã nộp"}'.encode()
TRUST = Trust(secrets=(SECRET,), public_keys=(KEY.public_key(),))  # type: ignore[arg-type]


def signed(**changes: object) -> str:
    return sign(**{"message_id": "evt_1", "timestamp": NOW, "body": BODY} | changes)  # type: ignore[arg-type]


def check(signature: str, **changes: object) -> datetime:
    given_ = {"message_id": "evt_1", "timestamp": STAMP, "body": BODY, "trust": TRUST, "now": NOW} | changes
    return verify(signature=signature, **given_)  # type: ignore[arg-type]


def test_the_public_library_accepts_what_we_sign() -> None:
    text = generate_secret(SECRET)
    now = datetime.fromtimestamp(int(time.time()), tz=UTC)
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": sign(
            message_id="evt_1", timestamp=now, body=BODY, secret=SECRET, private_key=KEY
        ),
    }
    data = standardwebhooks.Webhook(text).verify(BODY, headers)
    expected = "payment.succeeded"
    assert expected == data["type"]


def test_we_accept_what_the_public_library_signs() -> None:
    made = standardwebhooks.Webhook(generate_secret(SECRET)).sign("evt_1", NOW, BODY.decode())
    expected = NOW
    assert expected == check(made)


def test_the_example_of_the_standard_comes_out() -> None:
    secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = sign(
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=datetime.fromtimestamp(1614265330, tz=UTC),
        body=b'{"test": 2432232314}',
        secret=secret,
    )
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert expected == made


def test_both_signatures_stand_in_one_header_the_key_pair_first() -> None:
    made = signed(secret=SECRET, private_key=KEY).split(" ")
    expected = ["v1a", "v1"]
    assert expected == [part.partition(",")[0] for part in made]


@pytest.mark.parametrize("only", [{"secret": SECRET}, {"private_key": KEY}])
def test_each_signature_is_enough_alone(only: dict[str, object]) -> None:
    expected = NOW
    assert expected == check(signed(**only))


def test_the_old_secret_is_good_beside_the_new_one() -> None:
    expected = NOW
    assert expected == check(signed(secret=SECRET), trust=Trust(secrets=(b"n" * 32, SECRET)))


def test_a_signature_of_an_unknown_version_is_passed_over() -> None:
    expected = NOW
    assert expected == check("v9,??? " + signed(secret=SECRET))
    for alone in ("v9,???", signed(private_key=KEY).replace("v1a,", "v9,")):
        with pytest.raises(BadSignature):
            check(alone)


@pytest.mark.parametrize(
    "change",
    [{"body": BODY + b" "}, {"message_id": "evt_2"}, {"timestamp": str(int(STAMP) + 1)}, {"trust": Trust()}],
)
def test_any_change_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadSignature):
        check(signed(secret=SECRET, private_key=KEY), **change)


def test_an_hmac_is_not_taken_for_a_key_pair_signature() -> None:
    swapped = signed(secret=SECRET).replace("v1,", "v1a,")
    with pytest.raises(BadSignature):
        check(swapped)


@pytest.mark.parametrize("seconds", [301, -301])
def test_a_message_out_of_time_is_expired(seconds: int) -> None:
    with pytest.raises(Expired):
        check(signed(secret=SECRET), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [300, -300])
def test_a_message_at_the_edge_of_the_time_is_good(seconds: int) -> None:
    expected = NOW
    assert expected == check(signed(secret=SECRET), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "é", "a" * 129])
def test_a_message_id_that_would_be_ambiguous_is_not_signed(message_id: str) -> None:
    with pytest.raises(Malformed):
        signed(message_id=message_id, secret=SECRET)


def test_a_message_id_that_would_be_ambiguous_is_not_accepted_either() -> None:
    made = standardwebhooks.Webhook(generate_secret(SECRET)).sign("a.b", NOW, BODY.decode())
    with pytest.raises(Malformed):
        check(made, message_id="a.b")


def test_signing_without_any_key_is_malformed() -> None:
    with pytest.raises(Malformed):
        signed()


def test_a_secret_goes_to_text_and_back_and_has_24_to_64_bytes() -> None:
    expected = SECRET
    assert expected == secret_bytes(generate_secret(SECRET))
    for size in (24, 64):
        assert bytes(size) == secret_bytes(generate_secret(bytes(size)))
    for size in (23, 65):
        with pytest.raises(Malformed):
            generate_secret(bytes(size))
    for text in ("", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!", "whsec_AAAA", "whsec_é"):
        with pytest.raises(Malformed):
            secret_bytes(text)


def test_a_public_key_goes_to_text_and_back() -> None:
    text = public_key_text(KEY.public_key())  # type: ignore[arg-type]
    assert f"whpk_{base64.b64encode(KEY.public_key().public_bytes_raw()).decode()}" == text  # type: ignore[union-attr]
    assert KEY.public_key() == public_key_from_text(text)
    for bad in ("whpk_AAAA", "whpk_?", text.removeprefix("whpk_")):
        with pytest.raises(Malformed):
            public_key_from_text(bad)


def test_the_secret_is_not_in_the_repr_of_what_holds_it() -> None:
    assert repr(SECRET)[2:-1] not in repr(TRUST)


def test_a_header_with_too_many_signatures_is_malformed() -> None:
    with pytest.raises(Malformed):
        check(" ".join(["v1,AA=="] * 17))


@given(st.text(), st.text(), st.text(), st.binary())
def test_no_header_raises_anything_but_the_tree(
    message_id: str, stamp: str, signature: str, body: bytes
) -> None:
    with pytest.raises(SigningError):
        check(signature, message_id=message_id, timestamp=stamp, body=body)


@given(st.from_regex(r"(v1a?,[A-Za-z0-9+/=]{0,90} ?){1,5}", fullmatch=True))
def test_no_signature_by_chance_is_accepted(signature: str) -> None:
    with pytest.raises(SigningError):
        check(signature)
