"""Copies of entries: only what stands for a sequence is filled in."""

from bench.clone import _FIRST, _SLOT


def test_digits_of_a_hash_are_no_slot() -> None:
    """A receipt's hash held 7404669205643494 once, and no ledger could be laid."""
    text = f'{{"seq":{_FIRST + 57},"sha256":"a7404669205643494f"}}'
    assert _SLOT.split(text)[1::2] == [str(_FIRST + 57)]
