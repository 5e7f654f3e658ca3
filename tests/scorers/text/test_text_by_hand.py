"""Values of the text scorers worked by hand."""

import pytest

from judgecli.catalog import load_scorer
from judgecli.errors import UsageError


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("characters", "", 0),
        ("characters", "a\x00é\U0001f600", 4),
        ("words", "a\u3000b\u2028c\x85d \x1c e", 5),
        ("words", "\u200b", 1),  # a zero-width space is no whitespace
        ("words", " \n", 0),
        ("sentences", "It costs 3.50 today. Right?! Yes", 3),
        ("sentences", "你好。再见！", 2),
        ("sentences", "- one\n- two\n\n---\n", 2),
        ("sentences", "?! ...", 0),
        ("words_per_sentence", "One two. Three four five six.", 3.0),
        ("non_letter_share", "é1 2b", 0.5),
        ("uppercase_share", "ÉeAA", 0.75),
        ("uppercase_share", "日本", 0.0),
        ("digit_share", "٣a 4", 2 / 3),
        ("emoji_count", "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \U0001f1eb\U0001f1f7 1\ufe0f\u20e3 \u2764\ufe0f \u2705", 6),
        ("emoji_count", "© ™ → 7 ✓", 0),
        ("url_count", "(https://a.example/x?y=1) HTTP://B.example www.c.example a@d.example ftp://e", 4),
        ("url_count", "http:// nothing", 0),
        ("question_share", 'Who? Me. "Really?" Yes.', 0.5),
        ("question_share", "真的吗？是。", 0.5),
        ("markdown_density", "# T\n1. a\n**b c** d", 3 / 7 * 100),
        ("markdown_density", "| a | b |\n|---|---|", 2 / 6 * 100),
        ("markdown_density", "a * b - c 1. d", 0.0),
        ("code_block_count", "```\na\n```\n~~~\nb", 2),
        ("code_block_count", "inline ``` here", 0),
        ("flesch_reading_ease", "The cat sat.", 206.835 - 1.015 * 3 - 84.6),
        ("flesch_reading_ease", "The little table made us ended.", 206.835 - 1.015 * 6 - 84.6 * 9 / 6),  # the lit-tle ta-ble made us end-ed
        ("flesch_reading_ease", "123 - 4", None),
        ("flesch_kincaid_grade", "The cat sat.", 0.39 * 3 + 11.8 - 15.59),
        ("lexical_diversity", " ".join(["a", "b"] * 25), 0.04),
        ("lexical_diversity", "too short", None),
        ("distinct_1", "a A a", 2 / 3),
        ("distinct_2", "a b a b", 2 / 3),
        ("distinct_2", "a", None),
        ("repetition", "a b c a b c", 0.25),
        ("repetition", "a b", None),
        ("repeated_lines", "x\n\n x \ny", 1 / 3),
        ("repeated_lines", "\n", None),
        ("longest_repeat", "x y z x y", 0.4),
        ("longest_repeat", "a b c", 0.0),
        ("compression_ratio", "a" * 99, None),
        ("empty", "\u3000\n", 1),
        ("empty", "\u200b", 0),
    ],
)
def test_value(name, text, value):
    assert load_scorer(name)([text]) == [None if value is None else pytest.approx(value, rel=1e-12)]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("All is well.", 0),
        ("Paris", 0),
        ("พรุ่งนี้ฝนจะตกหนัก", None),  # Thai has no full stop to miss
        ("", 0),
        ("We began at noon in the rain. Then we walked to the", 1),
        ("We began at noon in the rain. Then we walked home and slept", 0),  # short: as chats are written
        ("We began at noon in the light rain of May. Then all of us walked home and slept", 1),
        ("(A). Essential", 0),
        ("A new shop opens on Friday! Come by and say hello to us all. #bakery #friday", 0),
        ("Is it far? Is there anything else that I can help you with", 0),
        ("What you have seen there is what most people are familiar with", 0),
        ("1. Open the door of the oven.\n2. Put in the cake and", 1),
        ("The value is stored (see the table", 1),
        ("As a model I have no way to know that, but I", 1),
        ("console.log(a);\nbot.run();", 0),
        ("if (x) {\n  bot.run();", 1),
        ("Be brave and kind to others every day. You can do it. - Ann Lee", 0),
        ("We begin. It goes on,", 1),
        ("Here is the list of what you asked for:", 1),
        ("Name:", 0),
        ("Best regards. \nJohn", 0),
        ("Done. \n- first\n- second item", 0),
        ("Done. \n# Heading without a stop and with quite many words", 0),
        ('{"a": [1, 2', 1),
        ('{"a": [1, 2]}', 0),
        ("Code:\n```py\nx = 1\n```", 0),
        ("Code:\n```py\nx = 1", 1),
        ("Code:\n~~~\nDone.", 1),
        ("準備は昨日すべて完了しました。そして今日は朝からみんなで", 1),
        ("準備は昨日すべて完了しました。そして", 0),
        ("He said (quietly) “no.”", 0),
    ],
)
def test_truncated_by_its_text(text, cut):
    truncated = load_scorer("truncated")
    assert truncated([text]) == [cut]
    assert truncated(["All is well.", text, "x"])[1] == cut


@pytest.mark.parametrize(("reason", "cut"), [("length", 1), ("MAX_TOKENS", 1), ("stop", 0), ("end_turn", 0), ("content_filter", 1), (None, 1)])
def test_truncated_believes_the_log_before_the_text(reason, cut):
    assert load_scorer("truncated")(["We began at noon in the rain. Then we walked to the"], finish_reason=[reason]) == [cut]


def test_compression_ratio_falls_with_repetition():
    noise = " ".join(str(number * number % 9973) for number in range(100))
    assert load_scorer("compression_ratio")(["again " * 100, noise])[0] < 0.1 < load_scorer("compression_ratio")([noise])[0] < 1


def test_options_that_cannot_be():
    with pytest.raises(UsageError, match="n must be at least 1, got 0"):
        load_scorer("repetition")(["a"], n=0)
    with pytest.raises(UsageError, match="window must be at least 1, got -1"):
        load_scorer("lexical_diversity")(["a"], window=-1)


def test_a_lone_surrogate_is_named():
    with pytest.raises(UsageError, match="cannot be written as UTF-8"):
        load_scorer("words")(["\ud800"])
