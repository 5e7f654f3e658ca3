"""Redaction: typed placeholders in all that is stored, identity taken before, hits still counted."""

import sqlite3

import pytest

from judgecli.errors import UsageError
from judgecli.readers.redact import redactor
from judgecli.store.folder import Store
from judgecli.store.tables import read_parquet
from tests.harness import rows_of, score, write_lines

EMAIL, KEY, CARD = "ann.lee@mail.example.org", "AKIAQ3EGRZNBVWXYTUVW", "4111 1111 1111 1111"
BODY = "MIIEowIBAAKCAQEA7bq0"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----"
RECORDS = [
    {"id": "1", "prompt": f"I am {EMAIL}", "output": f"Your key is {KEY} and {PEM}.", "contexts": [f"card {CARD}"], "user": EMAIL, "country": EMAIL},
    {"id": "2", "messages": [{"role": "user", "content": f"mail {EMAIL}"}, {"role": "assistant", "content": f"to {EMAIL}"}]},
    {"id": "3", "prompt": "q", "output": "nothing here"},
]


@pytest.mark.parametrize(
    ("kinds", "text", "expected"),
    [
        (["pii"], f"to {EMAIL}, {CARD}", "to [pii:email], [pii:payment_card]"),
        (["pii"], f"key {KEY}", f"key {KEY}"),
        (["secrets"], f"key {KEY} of {EMAIL}", f"key [secret:AWS_access_key] of {EMAIL}"),
        (["secrets"], f"a {PEM} b", "a [secret:private_key] b"),
        (["secrets"], f"-----BEGIN PRIVATE KEY-----\n{BODY} cut", "[secret:private_key]"),
        (["pii", "secrets"], "nothing", "nothing"),
        (["pii"], "[pii:email] stays", "[pii:email] stays"),
    ],
)
def test_placeholders_by_hand(kinds, text, expected):
    found = redactor(kinds)
    assert found is not None
    assert found.text(text) == expected


def test_unknown_kinds_are_refused():
    assert redactor([]) is None
    with pytest.raises(UsageError, match="names"):
        redactor(["names"])


def test_no_byte_of_it_is_stored_and_hits_are_still_counted(tmp_path):
    plain = write_lines(tmp_path / "plain.jsonl", [RECORDS[0], RECORDS[2]])
    chat = write_lines(tmp_path / "chat.jsonl", [RECORDS[1]])
    broken = write_lines(tmp_path / "broken.jsonl", [RECORDS[2] | {"id": "4"}, f'{{"output": "{EMAIL} {KEY}'])
    mapping = {"tags.country": "country"}
    found = score(tmp_path / "store", [plain, chat, broken], ["pii_count", "secrets", "characters"], redact=("pii", "secrets"), map=mapping)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    with Store(tmp_path / "store", create=False) as store:
        texts = repr([read_parquet(store.records_path(shard.name)).to_pylist() for shard in store.shards()])
    with sqlite3.connect(tmp_path / "store" / "ledger.db") as ledger:
        texts += "".join(ledger.iterdump())
    for secret in (EMAIL, KEY, CARD, BODY):
        assert secret not in texts
        assert secret.encode() not in stored
    assert [row["pii_count"] for row in rows_of(found)] == [0.0, 0.0, 1.0, 0.0]
    assert [row["secrets"] for row in rows_of(found)] == [2.0, 0.0, 0.0, 0.0]


def test_identity_is_taken_before(tmp_path):
    log = write_lines(tmp_path / "log.jsonl", [RECORDS[0], RECORDS[2]])
    plain = score(tmp_path / "a", [log])
    redacted = score(tmp_path / "b", [log], redact=("pii",))
    assert [row["key"] for row in rows_of(plain)] == [row["key"] for row in rows_of(redacted)]


def test_turning_it_on_replaces_what_was_stored(tmp_path):
    log = write_lines(tmp_path / "log.jsonl", RECORDS[:1])
    score(tmp_path / "store", [log])
    found = score(tmp_path / "store", [log], redact=("pii", "secrets"))
    assert (found.counts.accepted, found.new_records) == (1, 1)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store" / "records").iterdir())
    assert EMAIL.encode() not in stored
    with Store(tmp_path / "store", create=False) as store:
        assert [EMAIL in repr(read_parquet(store.records_path(shard.name)).to_pylist()) for shard in store.shards()] == [False]
