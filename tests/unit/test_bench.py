"""What the benches reckon with: wrong answers are not counted, percentiles are values that were measured."""

import socket
import threading

import pytest

from bench import fill, fill_cases, load, provider, report

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


@pytest.mark.parametrize("filling", [fill.PAYMENTS, fill_cases.CASES])
def test_every_word_of_a_filling_statement_has_its_meaning(filling: fill.Filling) -> None:
    assert [] == [table for table in filling.statements if "$" in fill.statement_of(filling, table)]


class _Echo(threading.Thread):
    """A server that answers each request on a connection with the number that it is there."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.came: list[list[bytes]] = []

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.came.append([])
                while request := connection.recv(100):
                    self.came[-1].append(request)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % len(self.came[-1]))


def test_requests_of_a_row_go_over_one_connection_in_their_order() -> None:
    server = _Echo()
    server.start()
    port = server.listener.getsockname()[1]
    made = load.run(port, [b"a1", b"a2", b"b1", b"b2"], connections=1, wanted=[(200, b""), (200, b"")])
    assert ([[b"a1", b"a2", b"b1", b"b2"]], [b"1", b"2", b"3", b"4"]) == (server.came, made.bodies)
    with pytest.raises(load.WrongAnswer):
        load.run(port, [b"a1", b"a2"], connections=1, wanted=[(200, b""), (201, b"")])
    server.listener.close()
