"""Raw replies under `redact:`: nothing of what was found is kept, and the verdict and its token weights stay."""

import itertools
import json

import pytest

from judgecli.judge.redacted import redacted_body
from judgecli.judge.reply import read_reply
from judgecli.readers.redact import Redactor

REDACT = Redactor(("secrets", "pii"))
MAIL = "ann.lee@example.org"


def raw(content, **choice):
    return json.dumps({"model": "m", "choices": [{"message": {"content": content}, "finish_reason": "stop", **choice}], "usage": {"prompt_tokens": 3}}).encode()


def tokens(*texts):
    return {
        "content": [{"token": text, "logprob": -0.1, "top_logprobs": [{"token": text, "logprob": -0.1}, {"token": "9", "logprob": -3.0}]} for text in texts]
    }


def test_a_body_without_anything_to_hide_is_the_very_same_bytes():
    body = b'{ "choices" : [ {"message": {"content": "{\\"score\\":  4}"}} ] }'
    assert REDACT.reply(body) is body


def test_the_verdict_stays_and_the_address_goes():
    body = REDACT.reply(raw(f'{{"explanation":  "Write to {MAIL}, she said \\"yes\\".", "score": 4}}'))
    assert MAIL.encode() not in body
    said = json.loads(read_reply(body, "json_schema").text)
    assert said == {"explanation": 'Write to [pii:email], she said "yes".', "score": 4}


def test_arguments_of_a_tool_call_and_reasoning_are_redacted_too():
    message = {"content": None, "reasoning": f"hm, {MAIL}", "tool_calls": [{"function": {"arguments": json.dumps({"explanation": MAIL, "score": 2})}}]}
    body = REDACT.reply(json.dumps({"choices": [{"message": message}]}).encode())
    assert MAIL.encode() not in body
    assert json.loads(read_reply(body, "tool").text)["score"] == 2


@pytest.mark.parametrize(
    "texts",
    [
        ('{"explanation": "', "ask ann", ".lee@", "exam", "ple.org", ' now", "score": ', "4", "}"),
        ('{"explanation": "ask ann.lee@example.org now", "score": ', "4", "}"),
        ('{"explanation": "ask ', "ann.lee", "@example.org", ' now", "score": ', "4", "}"),
    ],
)
def test_tokens_spell_the_redacted_text_and_the_score_keeps_its_rivals(texts):
    content = "".join(texts)
    body = REDACT.reply(raw(content, logprobs=tokens(*texts)))
    reply = read_reply(body, "json_schema")
    assert "ann" not in body.decode().replace("explanation", "")
    assert "".join(token.text for token in reply.logprobs) == reply.text == content.replace(MAIL, "[pii:email]")
    score = next(token for token in reply.logprobs if token.text == "4")
    assert list(score.top) == [("4", -0.1), ("9", -3.0)]


def test_tokens_that_do_not_spell_their_text_go_with_it():
    body = REDACT.reply(raw(f"{MAIL} 4", logprobs=tokens("something ", "else")))
    assert read_reply(body, "text").logprobs is None


@pytest.mark.parametrize(
    "body", [b"<html>ann.lee@example.org</html>", b'{"half": "ann.lee@example.org', b"\xff\xfeann.lee@example.org\xff", b"NaN ann.lee@example.org"]
)
def test_a_body_that_is_no_json_is_one_text(body):
    found = REDACT.reply(body)
    assert b"ann.lee" not in found
    assert len(found) == len(body) - len(MAIL) + len("[pii:email]")


@pytest.mark.parametrize("seed", range(20))
def test_any_tokenisation_spells_what_is_left(seed):
    import random

    rng = random.Random(seed)  # noqa: S311 - not for secrets
    content = json.dumps({"explanation": f"a {MAIL} b \u00e4\u4f60 call ann.lee@example.org twice", "score": 3}, ensure_ascii=bool(seed % 2))
    cuts = sorted({0, len(content), *(rng.randrange(len(content)) for _ in range(rng.randint(1, 40)))})
    texts = [content[start:stop] for start, stop in itertools.pairwise(cuts)]
    reply = read_reply(redacted_body(raw(content, logprobs=tokens(*texts)), REDACT.spans), "json_schema")
    assert MAIL not in reply.text
    assert "".join(token.text for token in reply.logprobs) == reply.text
    assert json.loads(reply.text)["score"] == 3
