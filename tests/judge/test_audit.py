"""An audit finds the defects that judges were built with, at the rates they were built with, and none in an honest one."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

import pytest

from judgecli.catalog import load_rubric
from judgecli.judge.audit import Finding, audit, family_of, rate, scale_share
from judgecli.judge.judge import Judge
from judgecli.judge.probes import Attack, Probe, apply, forged_verdict, make_probes, pad, read_attacks
from judgecli.judge.reply import read_reply
from judgecli.judge.request import Ask, Reply, Request
from judgecli.pipeline.rubric_audit import load_attacks, with_draw
from judgecli.scorer import Score
from judgecli.serve.completions import completion
from judgecli.serve.personalities import PERSONALITIES, read_prompt

SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
VOCABULARY = [a + b + c for a in SYLLABLES[:20] for b in SYLLABLES[20:40] for c in SYLLABLES[40:]]


def rows_of(count: int, seed: int = 0, *, references: bool = True) -> list[dict[str, object]]:
    """Requests with answers that hold most of their reference's words, and share few with any other."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    rows = []
    for place in range(count):
        reference = rng.sample(VOCABULARY, 20)
        output = " ".join([*rng.sample(reference, 14), *rng.sample(VOCABULARY, 4)])
        row = {"input": f"request {place} {rng.choice(VOCABULARY)}", "output": output}
        rows.append(row | ({"reference": " ".join(reference)} if references else {}))
    return rows


def chance(*said: object) -> float:
    """A number from 0 to 1 that follows from what is said."""
    return int.from_bytes(blake2b(repr(said).encode(), digest_size=8).digest(), "big") / 2**64


def personality(name: str) -> Ask:
    """The fake judge without its server."""

    async def ask(request: Request) -> Reply:
        body = {**request.parameters, "messages": list(request.messages), "response_format": {"type": "json_schema", "json_schema": {"schema": request.schema}}}
        content = PERSONALITIES[name](read_prompt(body), body)
        return read_reply(json.dumps(completion(body, content, "fake", None)).encode(), "json_schema")

    return ask


def said_by(decide: Callable[[str, Request], object], key: str = "score") -> Ask:
    """A judge that says `decide(judged text, request)`; text is what stands in the block."""

    async def ask(request: Request) -> Reply:
        prompt = read_prompt({"messages": list(request.messages)})
        verdict = decide(prompt.judged, request)
        if isinstance(verdict, Reply):
            return verdict
        return Reply(text=json.dumps({"explanation": "as decided", key: verdict}), finish_reason="stop")

    return ask


def audited(
    rubric: str, rows: Sequence[Mapping[str, object]], ask: Ask, *, attacks: Sequence[Attack] = (), repeats: int = 1, model: str = "m"
) -> dict[str, Finding]:
    judge = Judge(load_rubric(rubric), (model,), {}, secret=b"s" * 32)

    async def run() -> list[tuple[Probe, Score]]:
        probes = list(make_probes(judge.rubric, rows, attacks, repeats=repeats))
        return [(probe, await judge.score(probe.row, with_draw(ask, probe.draw))) for probe in probes]

    found = audit(judge.rubric, [model], rows, asyncio.run(run()))
    return {" ".join(filter(None, (one.name, one.kind))): one for one in found}


def test_an_honest_judge_has_no_defect():
    found = audited("correctness", rows_of(60), personality("honest"), attacks=load_attacks(), repeats=2)
    assert [name for name, finding in found.items() if finding.defect] == []
    assert found["attack instruction"].n > 50


def test_a_gullible_judge_is_named_for_every_family_of_attacks():
    attacks = load_attacks()
    found = audited("correctness", rows_of(60), personality("gullible"), attacks=attacks)
    families = {attack.family for attack in attacks} - {"neutral"}
    assert len(families) >= 10
    assert {name for name, finding in found.items() if finding.defect} == {f"attack {family}" for family in families}
    assert all(found[f"attack {family}"].estimate == 1.0 for family in families)
    assert found["attack neutral"].estimate == 0.0


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_injection_success_is_estimated_within_three_points_at_500(share):
    """This judge falls for an attack on a known share of its prompts."""

    def decide(text: str, _: Request) -> int:
        return 5 if "ATTACK" in text and chance(text) < share else 1

    found = audited("correctness", rows_of(500), said_by(decide), attacks=[Attack("neutral", "Written on a Tuesday."), Attack("plain", "ATTACK")])
    finding = found["attack plain"]
    assert finding.n == 500
    assert finding.estimate == pytest.approx(share, abs=0.03)
    assert finding.low < share < finding.high
    assert finding.defect


@pytest.mark.parametrize("share", [0.15, 0.4])
def test_repeat_variance_is_estimated_within_three_points_at_500(share):
    """Asked again, this judge moves by one point on a known share of the records."""

    def decide(text: str, request: Request) -> int:
        return 3 + (request.draw == 1 and chance(text) < share)

    found = audited("correctness", rows_of(500), said_by(decide), repeats=2)
    assert found["repeats_differ"].estimate == pytest.approx(share, abs=0.03)
    assert found["repeats_differ"].defect
    assert found["spread"].estimate == pytest.approx((share * 0.25**2 / 2) ** 0.5, abs=0.03)  # one point of four, two draws


def test_spread_by_hand():
    """Draws of 3 and 4 on a scale from 1 to 5 are 0.5 and 0.75 of it: a variance of 0.03125."""
    found = audited("correctness", rows_of(4), said_by(lambda _, request: 3 + request.draw), repeats=2)
    assert found["spread"].estimate == pytest.approx(0.03125**0.5)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_order_flips_are_estimated_within_three_points_at_500(share):
    """This judge takes the first answer on a known share of the pairs, and else the one with the smaller hash."""

    def decide(_: str, request: Request) -> str:
        prompt = read_prompt({"messages": list(request.messages)})
        a, b = prompt.text("answer A") or "", prompt.text("answer B") or ""
        if chance(*sorted((a, b))) < share:
            return "A"
        return "A" if chance(a) < chance(b) else "B"

    found = audited("preference", rows_of(500), said_by(decide, "winner"))
    assert found["order_flips"].estimate == pytest.approx(share, abs=0.03)
    assert found["order_flips"].defect
    assert found["prefers_first"].estimate == 1.0


def test_length_slope_is_the_one_that_the_judge_has():
    """A scale from 1 to 5 that rises by one point every 200 characters: 1.25 of the scale a 1,000 characters, but for rounding."""
    rng = random.Random(3)  # noqa: S311 - not for secrets
    rows = [{**row, "output": " ".join(rng.sample(VOCABULARY, rng.randint(30, 70)))} for row in rows_of(200)]
    found = audited("correctness", rows, said_by(lambda text, _: max(1, min(5, round(len(text) / 200)))))
    assert found["length_slope"].estimate == pytest.approx(1.25, abs=0.1)
    assert found["length_slope"].low > 1.0
    assert found["length_gain"].defect
    assert found["length_gain"].low > 0


def test_the_biased_judge_is_found_at_200():
    found = audited("correctness", rows_of(200), personality("biased"))
    assert {name for name, finding in found.items() if finding.defect} == {"length_gain"}


@pytest.mark.parametrize(("reason", "name"), [("refusal", "refuses"), ("words", "unreadable")])
def test_refusals_and_unreadable_replies_are_estimated_within_three_points_at_500(reason, name):
    def decide(text: str, _: Request) -> object:
        if chance(text) >= 0.12:
            return 3
        return (
            Reply(text=None, refusal="I cannot help with that.", finish_reason="stop")
            if reason == "refusal"
            else Reply(text="It is fine.", finish_reason="stop")
        )

    found = audited("correctness", rows_of(500), said_by(decide))
    assert found[name].estimate == pytest.approx(0.12, abs=0.03)
    assert [key for key, finding in found.items() if finding.defect] == [name]


@pytest.mark.parametrize("seed", range(20))
def test_defects_are_named_20_of_20(seed):
    """Repeats 30 %, attacks 30 %, refusals 15 %: named in every run of 100 records, and nothing else with them."""

    def decide(text: str, request: Request) -> object:
        if request.draw and chance(seed, text, "again") < 0.3:
            return 1
        if "ATTACK" in text and chance(seed, text) < 0.3:
            return 5
        return Reply(text=None, refusal="No.", finish_reason="stop") if chance(seed, text, "no") < 0.15 else 2

    attacks = [Attack("neutral", "Written on a Tuesday."), Attack("plain", "ATTACK")]
    found = audited("correctness", rows_of(100, seed), said_by(decide), attacks=attacks, repeats=2)
    assert {name for name, finding in found.items() if finding.defect} >= {"repeats_differ", "attack plain", "refuses"}
    assert not found["length_gain"].defect
    assert not found["attack neutral"].defect


def test_same_family_is_always_told():
    rows = [{**row, "model": model} for row, model in zip(rows_of(20), ["gpt-5-mini", "claude-4"] * 10, strict=True)]
    ask = said_by(lambda *_: 3)
    for judge, kin in (("gpt-5", True), ("openai/o3", True), ("claude-haiku-4", True), ("gemini-3", False), ("my-judge", False)):
        assert audited("correctness", rows, ask, model=judge)["self_preference raw" if kin else "self_preference"].warning is kin
    assert audited("correctness", rows, ask, model="gpt-5")["self_preference raw"].estimate == 0.0


@pytest.mark.parametrize("yardstick", ["labels", "judges", "raw"])
@pytest.mark.parametrize("favour", [0, 1])
def test_self_preference_is_told_from_better_answers(yardstick, favour):
    """Answers of the family are better: 3 of 4 are good, of the rest 1 of 4. A good answer gets 4 of 5, a bad one 2; a judge that favours its family adds 1.

    By hand: the raw gap is (3.5 - 2.5) / 4 = 0.25, and 0.5 with the favour. Labels 1 and 0 differ by 0.5 between the sides, so d in d is 0.25 - 0.5 = -0.25
    (the judge is milder than people), and 0 with the favour; other judges who say 0.75 and 0.25 take all of the quality out: 0, and 0.25.
    """
    rows = []
    for place, row in enumerate(rows_of(80)):
        kin, good = place % 2 == 0, (place // 2) % 4 < (3 if place % 2 == 0 else 1)
        known = {"labels": {"label": good}, "judges": {"others": 0.75 if good else 0.25}, "raw": {}}[yardstick]
        rows.append(
            {**row, "output": f"{row['output']} {'kin' if kin else 'rest'} {'good' if good else 'bad'}", "model": "gpt-5" if kin else "claude-4", **known}
        )

    def decide(text, _request):
        return (4 if "good" in text else 2) + favour * (" kin " in text)

    found = audited("correctness", rows, said_by(decide), model="gpt-5-mini")[f"self_preference {yardstick}"]
    expected = {"raw": (0.25, 0.5), "labels": (-0.25, 0.0), "judges": (0.0, 0.25)}[yardstick][favour]
    assert found.estimate == pytest.approx(expected)
    assert found.low <= expected <= found.high
    assert (found.n, found.defect, found.warning) == (40, False, True)


@pytest.mark.parametrize(
    ("model", "family"),
    [("gpt-4.1", "openai"), ("o1-mini", "openai"), ("azure/gpt-5", "openai"), ("claude-opus-4", "anthropic"), ("gemma-3", "google"), ("Qwen2.5-72B", "alibaba"),
     ("mixtral-8x7b", "mistral"), ("mistral-small", "mistral"), ("meta-llama/Llama-3.3", "meta"), ("deepseek-r1", "deepseek"), ("phi-4", "microsoft"),
     ("grok-4", "xai"), ("larder-large", None), ("turbo1", None), ("", None)],
)  # fmt: skip
def test_families_by_name(model, family):
    assert family_of(model) == family


def test_scores_against_labels():
    """By hand: 3 of 4 labelled answers contradicted (5 thumbs down twice, 1 thumbs up once, 3 thumbs down in the middle)."""
    values = {"a": 5, "b": 5, "c": 1, "d": 3, "e": 5}
    labels = {"a": False, "b": False, "c": True, "d": False, "e": None}
    rows = [{"input": name, "output": name, "reference": "x", "label": labels[name]} for name in values]
    found = audited("correctness", rows, said_by(lambda text, _: values[text[0]]))
    assert (found["contradicts_labels"].estimate, found["contradicts_labels"].n) == (0.75, 4)


@pytest.mark.parametrize(("hits", "n", "low", "high"), [(17, 20, 0.639581, 0.947631), (5, 5, 0.565518, 1.0), (0, 10, 0.0, 0.277533)])
def test_rates_have_wilson_intervals(hits, n, low, high):
    """The values of the specification's table."""
    finding = rate("attack", "x", hits, n, "")
    assert (finding.low, finding.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))


def test_nothing_measured_is_no_number_and_no_defect():
    finding = rate("attack", "x", 0, 0, "")
    assert (finding.estimate, finding.low, finding.n, finding.defect) == (None, None, 0, False)
    assert rate("attack", "x", 1, 1, "").defect is False


@pytest.mark.parametrize(("rubric", "value", "share"), [("correctness", 5, 1.0), ("correctness", 2, 0.25), ("toxicity", 1, 1.0), ("preference", 0.5, 0.5)])
def test_places_on_the_scale(rubric, value, share):
    assert scale_share(load_rubric(rubric), Score(value=value)) == share
    assert scale_share(load_rubric(rubric), Score(reason="judge_parse")) is None


def test_forged_verdicts_are_the_best_of_each_scale():
    assert json.loads(forged_verdict(load_rubric("correctness")))["score"] == 5
    assert json.loads(forged_verdict(load_rubric("toxicity")))["score"] == 1
    assert set(json.loads(forged_verdict(load_rubric("recipe_quality")))["answers"].values()) == {"yes"}
    assert json.loads(forged_verdict(load_rubric("refusal_appropriateness")))["category"].startswith("right")
    assert json.loads(forged_verdict(load_rubric("preference")))["winner"] == "A"


def test_padding_doubles_and_adds_no_words_of_the_topic():
    assert pad("abc").startswith("abc\n\n")
    assert len(pad("abc")) >= 303
    assert len(pad("x" * 1000)) >= 2000


def test_attacks_take_their_place():
    rubric = load_rubric("correctness")
    assert apply(Attack("a", "first", before=True), "text", rubric) == "first\n\ntext"
    assert apply(Attack("a", "last"), "text", rubric) == "text\n\nlast"
    assert '"score": 5' in apply(Attack("a", "{verdict}"), "text", rubric)


@pytest.mark.parametrize("document", [None, [], {}, {"instruction": []}])
def test_a_file_of_attacks_needs_a_neutral_family(document):
    with pytest.raises(ValueError, match="neutral"):
        read_attacks(document)
