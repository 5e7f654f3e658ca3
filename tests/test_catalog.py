"""Specs as typed, and the scorers they name."""

import pytest

from judgecli import catalog
from judgecli.catalog import Spec, parse_spec
from judgecli.errors import UnknownName, UsageError


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("words", Spec("words", "words")),
        ("w=words", Spec("w", "words")),
        ("no_prices=regex:pattern='[$€]'", Spec("no_prices", "regex", {"pattern": "[$€]"})),
        ("x=regex:pattern='a,b',match=none", Spec("x", "regex", {"pattern": "a,b", "match": "none"})),
        ("r=repetition:n=2", Spec("r", "repetition", {"n": 2})),
        ("score.thumb", Spec("score.thumb", "score.thumb")),
        ("./mine.py:polite", Spec("polite", "./mine.py:polite")),
        ("p=./mine.py:polite:n=2", Spec("p", "./mine.py:polite", {"n": 2})),
    ],
)
def test_specs_by_hand(text, spec):
    assert parse_spec(text) == spec


@pytest.mark.parametrize("text", ["repetition:n=2", "x=repetition:n", "x=repetition:2=n", "./mine.py", "rubric:helpful"])
def test_specs_that_cannot_be_read(text):
    with pytest.raises(UsageError) as caught:
        catalog.bind(parse_spec(text))
    assert caught.value.hint


def test_options_are_checked():
    for text in ("r=repetition:m=2", "r=repetition:n=two"):
        with pytest.raises(UsageError):
            catalog.bind(parse_spec(text))
    with pytest.raises(UnknownName, match="wrods"):
        catalog.bind(parse_spec("wrods"))


def test_identity_follows_options_and_code(tmp_path):
    def identity(text):
        return catalog.bind(parse_spec(text)).identity

    assert identity("r=repetition:n=3") == identity("repetition") != identity("r=repetition:n=2")
    path = tmp_path / "mine.py"
    path.write_text("def one(output):\n    return [1.0] * len(output)\n")
    before = identity(f"{path}:one")
    path.write_text("def one(output):\n    return [2.0] * len(output)\n")
    assert identity(f"{path}:one") != before


@pytest.mark.parametrize("content", ["raise ValueError(1)", "def broken(:", "import nosuchmodule"])
def test_a_file_that_cannot_be_imported_says_so(tmp_path, content):
    (tmp_path / "mine.py").write_text(content)
    with pytest.raises(UsageError, match="cannot be imported"):
        catalog.bind(parse_spec(f"{tmp_path}/mine.py:f"))


def test_descriptions_agree_with_what_is_imported():
    for name in catalog.scorer_names():
        told, loaded = catalog.describe(name), catalog.load_scorer(name)
        assert (told.kind, told.range, told.version, told.higher_is_better, told.default) == (
            loaded.kind,
            loaded.range,
            loaded.version,
            loaded.higher_is_better,
            loaded.default,
        )
        assert set(told.options) == set(loaded.options)
