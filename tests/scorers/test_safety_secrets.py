import pytest

from judgecli.scorer import Score
from judgecli.scorers import re2
from judgecli.scorers.safety.secrets import MARKS, SHAPES, secrets

# Put together here so that no text of this file has the shape of a key.
TOKENS = {
    "private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "connection string": "postgres://" + "anna:hunter22@db.internal:5432/shop",
    "AWS access key": "AKIA" + "Q3EGTXVN5WLR2BZD",
    "GitHub token": "ghp_" + "k7Q2mZ9xW4cV1bN8aS5dF3gH6jL0pO2iU7yT",
    "GitLab token": "glpat-" + "x7Q2mZ9xW4cV1bN8aS5d",
    "Slack token": "xoxb-" + "123456789012-abcDEF456",
    "Slack webhook": "hooks.slack.com/services/" + "T0A1B2C3D/B0A1B2C3D/k7Q2mZ9xW4cV1bN8aS5dF3gH",
    "OpenAI or Anthropic key": "sk-" + "proj-k7Q2mZ9xW4cV1bN8aS5dF3",
    "Google key": "AIza" + "SyA1k7Q2mZ9xW4cV1bN8aS5dF3gH6jL0pO2",
    "Stripe key": "sk_" + "live_k7Q2mZ9xW4cV1bN8aS5dF3gH",
    "Hugging Face token": "hf_" + "kQmZxWcVbNaSdFgHjLpOiUyTrEwQzXcVbN",
    "npm or PyPI token": "npm_" + "k7Q2mZ9xW4cV1bN8aS5dF3gH6jL0pO2iU7yT",
    "SendGrid key": "SG." + "k7Q2mZ9xW4cV1bN8aS5dF3" + "." + "k7Q2mZ9xW4cV1bN8aS5dF3gH6jL0pO2iU7yTk7Q2mZ9",
    "JSON web token": "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0" + "." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "redacted": "[secret: aws key]",
}


def value(item):
    return item.value if isinstance(item, Score) else item


def test_every_shape_has_a_sample():
    assert set(TOKENS) == set(SHAPES)


@pytest.mark.parametrize("kind", SHAPES)
def test_each_shape_is_found_once_named_and_never_printed(kind):
    (item,) = secrets([f"here: {TOKENS[kind]} end"])
    assert (item.value, item.explanation) == (1.0, f"1 {kind}")
    assert TOKENS[kind] not in repr(item) or kind == "redacted"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-",
        "AKIA",
        "the task-force",
        "https://example.org/a:b@c",
        "sk-" + "x" * 30,
        "AKIA" + "IOSFODNN7EXAMPLE",
        "mysql://" + "user:password@host/db",
        "eyJ.eyJ.x",
        "ask-me-anything-about-it",
    ],
)
def test_placeholders_and_words_are_no_secret(text):
    assert secrets([text]) == [0.0]


def test_secrets_are_counted():
    text = " ".join(TOKENS.values())
    assert value(secrets([text, "none"])[0]) == len(TOKENS)


@pytest.mark.parametrize("kind", SHAPES)
def test_the_first_look_lets_no_shape_slip(kind):
    assert re2.matches([TOKENS[kind]], MARKS) == [True]
