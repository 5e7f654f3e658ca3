"""A file of replies that a person wrote by hand: a value that the ledger cannot hold is refused with its line."""

import json

import pytest

from judgecli.errors import UsageError
from judgecli.store.replies import read_reply_file

LINE = {"key": "00" * 32, "raw": "{}", "rubric": "r", "model": "m"}


@pytest.mark.parametrize("more", [{"tokens_in": 1 << 63}, {"tokens_out": [1]}, {"cost": {}}, {"served_model": ["m"]}, {"finish_reason": "\ud800"}])
def test_what_the_ledger_cannot_hold_is_refused_with_its_line(tmp_path, more):
    path = tmp_path / "replies.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n{json.dumps(LINE | more)}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"replies\.jsonl:2: not a reply"):
        read_reply_file(path)


def test_the_rest_is_read(tmp_path):
    path = tmp_path / "replies.jsonl"
    path.write_text(json.dumps(LINE | {"tokens_in": 7, "cost": 0.5}) + "\n", encoding="utf-8")
    (reply,) = read_reply_file(path)
    assert (reply.tokens_in, reply.cost, reply.purpose) == (7, 0.5, "imported")
