"""Token counts of a reply, whatever a server calls one."""

import json

import pytest

from judgecli.judge.reply import read_reply


def read(count: str) -> int:
    body = f'{{"choices": [{{"message": {{"content": "5"}}}}], "usage": {{"prompt_tokens": {count}}}}}'
    return read_reply(body.encode(), "text").usage.tokens_in


@pytest.mark.parametrize("count", ["-1", "true", '"7"', "1.5", "null", "[]", str(1 << 31), str((1 << 63) - 1), str(1 << 63), str((1 << 64) - 1)])
def test_what_is_no_count_is_nothing(count):
    assert read(count) == 0


def test_a_count_is_itself():
    assert read(json.dumps(812)) == 812
    assert read(str((1 << 31) - 1)) == (1 << 31) - 1
