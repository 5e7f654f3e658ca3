"""The first sentence of a report: what gates and alarms add up to."""

import pytest

from judgecli.signal.report.sentence import verdict_sentence

PASS = [{"gate": "a", "verdict": "pass"}, {"gate": "b", "verdict": "pass"}]
WORSE = {"state": "open", "metric": "refusal", "worse": True, "since": "2026-10-05T00:00:00+00:00"}


@pytest.mark.parametrize(
    ("verdict", "gates", "alarms", "complete", "text", "tone"),
    [
        ("pass", PASS, [], True, "All 2 gates pass and no alarm for the worse is open.", "good"),
        ("pass", PASS[:1], [], True, "The gate passes and no alarm for the worse is open.", "good"),
        ("pass", PASS, [], False, "All 2 gates pass and no alarm for the worse is open, but not everything was measured.", "open"),
        ("pass", PASS, [WORSE], True, "All 2 gates pass, but 1 alarm for the worse is open (refusal since 2026-10-05).", "bad"),
        ("pass", PASS, [{**WORSE, "worse": False}, {**WORSE, "state": "closed"}, {**WORSE, "worse": None}], True, "All 2 gates pass and no alarm", "good"),
        ("fail", [*PASS, {"gate": "c", "verdict": "fail"}], [], True, "Not good enough: 1 of 3 gates fails (c).", "bad"),
        ("fail", [{"gate": "c", "verdict": "fail"}, {"gate": "d", "verdict": "fail"}], [WORSE], True, "2 of 2 gates fail (c, d); 1 alarm", "bad"),
        ("inconclusive", [*PASS, {"gate": "c", "verdict": "inconclusive"}], [], True, "Not enough data to decide: 1 of 3 gates is open (c).", "open"),
        ("incomplete", [{"gate": "c", "verdict": "pass"}], [], False, "No verdict: not all of the logs could be read.", "open"),
        ("incomplete", [{"gate": "c", "verdict": "incomplete"}], [], False, "No verdict: too little was measured to answer c.", "open"),
        ("no gates", [], [], True, "No gate is set and no alarm for the worse is open.", "open"),
    ],
)
def test_sentence(verdict, gates, alarms, complete, text, tone):
    found = verdict_sentence(verdict, gates, alarms, complete=complete)
    assert text in found.text
    assert found.tone == tone


def test_many_are_counted_not_listed():
    gates = [{"gate": f"gate {place}", "verdict": "fail"} for place in range(9)]
    alarms = [{**WORSE, "metric": f"m{place}"} for place in range(5)]
    found = verdict_sentence("fail", gates, alarms, complete=True).text
    assert "(gate 0, gate 1, gate 2 and 6 more)" in found
    assert "5 alarms for the worse are open (m0 since 2026-10-05, m1 since 2026-10-05, m2 since 2026-10-05 and 2 more)" in found


def test_nobody_watches_so_no_alarm_is_spoken_of():
    assert verdict_sentence("pass", PASS, [], complete=True, watched=False).text == "All 2 gates pass."
    assert verdict_sentence("no gates", [], [], complete=True, watched=False).text == "No gate is set."
