"""A file that begins otherwise than before: written anew (its old records go) or rotated (they stay); and readings under CI."""

import pytest
from harness import score, write_lines

from judgecli.store import upkeep
from judgecli.store.folder import Store


def records(day, answer, numbers=range(30), **more):
    return [{"id": f"d{day}-{n}", "time": f"2026-10-{day:02d}T00:{n:02d}:00Z", "question": f"q{n}", "answer": answer, **more} for n in numbers]


def held(store):
    """Records of the whole store, whatever file they came from."""
    with Store(store) as opened:
        assert upkeep.verify(opened)["problems"] == []
        return sum(shard.rows for shard in opened.shards())


def said(result):
    return [note for note in result.notes if "written anew" in note or "was rotated" in note]


def test_a_file_written_anew_takes_its_old_records_with_it(tmp_path):
    log = write_lines(tmp_path / "log.jsonl", records(1, "one two three"))
    score(tmp_path / "s", [log])
    write_lines(log, records(1, "one"))
    result = score(tmp_path / "s", [log])
    assert said(result) == ["log.jsonl was written anew: 30 records that it no longer holds are taken out"]
    assert held(tmp_path / "s") == 30
    assert [summary.estimate.mean for summary in result.summaries] == [1.0]


def test_a_rotated_log_keeps_what_it_held(tmp_path):
    log = write_lines(tmp_path / "log.jsonl", records(1, "one two"))
    score(tmp_path / "s", [log])
    write_lines(log, records(2, "one"))
    result = score(tmp_path / "s", [log])
    assert said(result) == ["log.jsonl was rotated: it goes on after 30 earlier records, which stay in the store"]
    assert held(tmp_path / "s") == 60
    write_lines(log, records(2, "one") + records(3, "one", range(5)))  # grows after that
    assert held_after(tmp_path, log) == 65


def held_after(tmp_path, log):
    score(tmp_path / "s", [log])
    return held(tmp_path / "s")


@pytest.mark.parametrize(
    ("before", "now", "left"),
    [
        (records(1, "x"), records(1, "x", range(29)) + records(1, "edited", [29]), 30),  # one line was edited
        (records(1, "x"), records(1, "x", range(10)), 10),  # lines were deleted
        (records(1, "x"), records(1, "new", range(30, 40)) + records(1, "x"), 40),  # lines were put in front
        (records(1, "x"), records(1, "x", range(20, 30)) + records(2, "x", range(5)), 35),  # a rolling window: the oldest fell out
        ([{"id": str(n), "question": f"q{n}", "answer": "a b", "time": "2026-10-01"} for n in range(9)],
         [{"id": str(n), "question": f"q{n}", "answer": "a", "time": "2026-10-02"} for n in range(9)], 9),  # an evaluation that runs each night
        ([{"id": str(n), "question": f"mon {n}", "answer": "a b", "time": "2026-10-01"} for n in range(9)],
         [{"id": str(n), "question": f"tue {n}", "answer": "a", "time": "2026-10-02"} for n in range(9)], 18),  # numbers that start anew each day
        ([{"question": f"q{n}", "answer": "a b"} for n in range(9)], [{"question": f"other {n}", "answer": "a"} for n in range(9)], 9),  # nothing tells
    ],
)  # fmt: skip
def test_what_stays_of_a_file_that_changed(tmp_path, before, now, left):
    log = write_lines(tmp_path / "log.jsonl", before)
    score(tmp_path / "s", [log])
    write_lines(log, now)
    assert held_after(tmp_path, log) == left
    assert held_after(tmp_path, log) == left


def test_what_another_file_holds_too_stays(tmp_path):
    log, copy = (write_lines(tmp_path / name, records(1, "one two")) for name in ("log.jsonl", "copy.jsonl"))
    score(tmp_path / "s", [log, copy])
    write_lines(log, records(1, "one"))
    score(tmp_path / "s", [log])
    assert held(tmp_path / "s") == 60
    assert score(tmp_path / "s", [copy]).summaries[0].estimate.mean == 2.0


def test_a_run_that_is_stopped_before_it_decides_decides_again(tmp_path, monkeypatch):
    from judgecli.readers import intake

    log = write_lines(tmp_path / "log.jsonl", records(1, "one two"))
    score(tmp_path / "s", [log])
    write_lines(log, records(1, "one"))
    with monkeypatch.context() as patched:
        patched.setattr(intake, "retire", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            score(tmp_path / "s", [log])
    assert held_after(tmp_path, log) == 30


def test_a_reading_is_not_made_anew_where_guessing_is_off(tmp_path):
    log = write_lines(tmp_path / "log.jsonl", records(1, "one"))
    score(tmp_path / "s", [log])
    assert score(tmp_path / "s", [log], guess=False).new_records == 0
    assert score(tmp_path / "s", [log]).new_records == 0


def test_a_reading_that_could_not_guess_is_made_anew_where_it_may(tmp_path):
    log = write_lines(tmp_path / "log.jsonl", [{"output": "one two", "reply": "x", "question": f"q{n}"} for n in range(3)])
    first = score(tmp_path / "s", [log], guess=False, map={"output": "output"})
    assert any("guessing is off" in note for note in first.notes)
    again = score(tmp_path / "s", [log], map={"output": "output"})
    assert again.readings[0].detected.mapping["input"] == "question"
    assert held(tmp_path / "s") == 3


def test_equal_lines_that_nothing_tells_apart_are_told(tmp_path):
    log = write_lines(tmp_path / "log.jsonl", [{"input": "hi", "output": "no"}] * 5 + [{"input": "ho", "output": "yes"}])
    for _ in range(2):  # said again where nothing was read
        (note,) = [note for note in score(tmp_path / "s", [log]).notes if "equal" in note]
        assert "4 of 6 lines are equal" in note
        assert "2 in all; --keep-duplicates counts all 6" in note
    kept = score(tmp_path / "k", [log], keep_duplicates=True)
    assert (kept.counts.accepted, [note for note in kept.notes if "equal" in note]) == (6, [])
    timed = write_lines(tmp_path / "timed.jsonl", [{"input": "hi", "output": "no", "time": "2026-10-01"}] * 2)
    assert not [note for note in score(tmp_path / "t", [timed]).notes if "equal" in note]
