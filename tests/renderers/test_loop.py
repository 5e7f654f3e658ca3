"""The first lines of `judge run`: beside the worst variant stands where it is worst."""

from judgecli.renderers.loop import run


def document(**more):
    level, variant = "reward.q is 0.9 on average.", "v2 is worse than v1 on words: 1 against 2."
    where = ["reward.q is worse where tags.country is “DE”: 0.7 against 0.95 elsewhere."]
    empty = {"check": None, "score": None, "signals": None, "standouts": [], "cannot_tell": [], "report": [], "exports": [], "steps": []}
    return {**empty, "headline": [level, variant, *where], "exit_code": 0, **more}


def test_a_standout_does_not_hide_where_it_is_worse():
    standout = {"column": "version", "value": "v2", "metric": "words", "kind": "number", "mean": 1.0, "others": {"v1": 2.0}}
    shown = run(document(standouts=[standout]))
    assert "is worse where tags.country is “DE”" in shown
    assert "version v2 at words" in shown
    assert "v2 is worse than v1" not in shown  # the standout says it
    assert "v2 is worse than v1" in run(document())
