"""What the benches reckon with: wrong answers are not counted, percentiles are values that were measured."""

import pytest

from bench import fill, load, provider, report

HEAD = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n"


def test_a_percentile_is_a_measured_value_below_which_the_share_lies() -> None:
    values = [float(each) for each in range(1, 101)]
    assert [1.0, 51.0, 100.0, 100.0] == [report.percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)]


def test_an_answer_of_another_status_or_content_is_not_counted() -> None:
    assert b"ok" == load._body(HEAD + b"ok", (201, b"k"))
    for wanted in ((200, b"ok"), (201, b"no"), (20, b"ok")):
        with pytest.raises(load.WrongAnswer):
            load._body(HEAD + b"ok", wanted)


def test_a_post_tells_the_length_of_its_body_in_bytes() -> None:
    sent = load.post("h:1", "/p", {"Content-Type": "application/json"}, "ệ".encode())
    assert (
        b"POST /p HTTP/1.1\r\nHost: h:1\r\nUser-Agent: bench\r\nContent-Length: 3\r\n"
        b"Content-Type: application/json\r\n\r\n\xe1\xbb\x87" == sent
    )


def test_the_provider_waits_for_the_whole_request() -> None:
    request = b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
    assert [False, False, True] == [provider._whole(request[:at]) for at in (10, -1, len(request))]


@pytest.mark.parametrize("table", fill.TABLES)
def test_every_word_of_a_filling_statement_has_its_meaning(table: str) -> None:
    assert "$" not in fill._statement(table)
