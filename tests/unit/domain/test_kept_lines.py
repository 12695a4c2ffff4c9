"""What is kept of each line of a receipt of which a part was given back."""

import pytest

from gateway.domain.receipt import kept_lines


@pytest.mark.parametrize(
    ("sums", "refunded", "kept"),
    [
        ([200_000], 0, [200_000]),
        ([150_000, 50_000], 0, [150_000, 50_000]),
        ([200_000], 50_000, [150_000]),
        ([150_000, 50_000], 200_000, [0, 0]),
        ([150_000, 50_000], 50_000, None),
    ],
)
def test_a_refund_names_no_line_so_only_one_line_can_be_told(
    sums: list[int], refunded: int, kept: list[int] | None
) -> None:
    assert kept == kept_lines(sums, refunded)
