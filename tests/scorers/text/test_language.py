"""language and same_language_as_input, with their extra and without."""

import sys

import pytest

from judgecli.errors import EnvironmentFailure
from judgecli.scorers.text import language as module


def test_a_missing_extra_is_named(monkeypatch):
    module._model.cache_clear()
    monkeypatch.setitem(sys.modules, "py3langid", None)
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(EnvironmentFailure, match="scorer 'language' needs py3langid") as caught:
        module.language(["any text"])
    assert "judgecli[lang]" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The weather will be fine and rather warm tomorrow in the whole country.", "en"),
        ("Le temps sera beau et plutôt chaud demain dans tout le pays.", "fr"),
        ("El tiempo será bueno y bastante cálido mañana en todo el país.", "es"),
        ("Завтра по всей стране будет хорошая и довольно тёплая погода.", "ru"),
        ("明天全国天气晴朗，气温较高，适合外出散步。", "zh"),
        ("Paris", None),
        ("12345 67890 12345 67890 12345", None),
        ("", None),
    ],
)
def test_language(text, code):
    pytest.importorskip("py3langid", reason="the extra `lang` is not installed")
    assert module.language([text]) == [code]


def test_same_language():
    pytest.importorskip("py3langid", reason="the extra `lang` is not installed")
    english, german = "Please tell me what the weather will be like.", "Das Wetter wird morgen schön und ziemlich warm."
    assert module.same_language_as_input([english, german, german], [german, german, "ok"]) == [0.0, 1.0, None]
