import pytest

from judgecli.scorer import Score
from judgecli.scorers.context.prompt_relation import answers_question_type, prompt_echo, prompt_overlap
from judgecli.scorers.context.support import citations_valid, entities, quoted_spans, unsupported_entities, unsupported_numbers


def value(item):
    return item.value if isinstance(item, Score) else item


@pytest.mark.parametrize(
    ("output", "contexts", "count"),
    [
        ("It rose 5 % to 1,200.", ["to 1200.0"], 1.0),
        ("5 and 5.0", ["none"], 1.0),
        ("1. first\n2. second [3]", ["none"], 0.0),
        ("no numbers", ["5"], 0.0),
        ("5", ["a 5", "b"], 0.0),
        ("5", [], None),
    ],
)
def test_unsupported_numbers_by_hand(output, contexts, count):
    assert [value(item) for item in unsupported_numbers([output], [contexts])] == [count]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("He met Marie Curie in Paris.", ["Marie Curie", "Paris"]),
        ("Marie Curie met him.", ["Marie Curie"]),
        ("Paris is big. Rome too.", []),
        ("In Paris it rained.", ["Paris"]),
        ("on May 3, 2021 and 4 June", ["May 3, 2021", "4 June"]),
        ("the Bank of England said", ["Bank of England"]),
        ("I think I'm right", []),
        ("Curie's work on Curie's desk", ["Curie"]),
        ("你好", []),
        ("", []),
    ],
)
def test_entities_by_hand(text, names):
    assert list(entities(text)) == names


@pytest.mark.parametrize(
    ("output", "contexts", "count"),
    [
        ("He met Marie Curie in Paris.", ["MARIE curie lived"], 1.0),
        ("He met Ann in Annville.", ["Annville"], 1.0),  # whole words only
        ("nobody", ["x"], 0.0),
        ("He met Ann.", [], None),
    ],
)
def test_unsupported_entities_by_hand(output, contexts, count):
    assert [value(item) for item in unsupported_entities([output], [contexts])] == [count]


@pytest.mark.parametrize(
    ("output", "contexts", "share"),
    [
        ('He wrote "The cat, sat!" there', ["the cat sat"], 1.0),
        ('"the cat sat" and “a dog ran”', ["the cat sat"], 0.5),
        ("«a dog ran» „a dog ran“", ["a dog ran"], 1.0),
        ('"the cat ... the mat"', ["the cat sat on the mat"], 1.0),
        ('"the cat ... the mat"', ["the cat", "the mat"], 0.0),
        ('"the cat"', ["x"], None),  # two words are too few
        ('"the cat sat"', [], None),
        ("no quote", ["x"], None),
    ],
)
def test_quoted_spans_by_hand(output, contexts, share):
    assert [value(item) for item in quoted_spans([output], [contexts])] == [share]


@pytest.mark.parametrize(
    ("output", "contexts", "share"),
    [
        ("a [1] b [2]", ["x", "y"], 1.0),
        ("a [1, 3] b", ["x", "y"], 0.5),
        ("a [1-4]", ["x", "y"], 0.5),
        ("a [0]", ["x"], 0.0),
        ("a [1][2]", ["x"], 0.5),
        ("a【2†source】", ["x", "y"], 1.0),
        ("Paris[1].", ["x"], 1.0),
        ("code `a[7]` and ```\nb[8]\n```", ["x"], None),
        ("none", ["x"], None),
        ("a [1]", [], 0.0),
        ("a [3-1]", ["x", "y", "z"], 1.0),
    ],
)
def test_citations_valid_by_hand(output, contexts, share):
    assert [value(item) for item in citations_valid([output], [contexts])] == [share]


@pytest.mark.parametrize(("output", "prompt", "share"), [("the cat sat", "where is the cat", 0.5), ("cat", "cat", None), ("a b", "", 0.0)])
def test_prompt_overlap_by_hand(output, prompt, share):
    assert prompt_overlap([output], [prompt]) == [share]


@pytest.mark.parametrize(
    ("output", "prompt", "share"),
    [
        ("What is the capital of France? Paris", "What is the capital of France?", 1.0),
        ("Paris", "What is the capital of France?", 0.0),
        ("say hi", "say hi", None),
        ("1 2 3 4 5 6 7 8", "1 2 3 4 5 6 7 8 9", 0.5),
    ],
)
def test_prompt_echo_by_hand(output, prompt, share):
    assert prompt_echo([output], [prompt]) == [share]


@pytest.mark.parametrize(
    ("prompt", "output", "kind", "rate"),
    [
        ("Is it far?", "Yes.", "yes_no", 1.0),
        ("Is it far?", "The moon.", "yes_no", 0.0),
        ("Is it?", "It isn't.", "yes_no", 1.0),
        ("I was there. How many came?", "Twelve people", "number", 1.0),
        ("How old is he?", "Very.", "number", 0.0),
        ("Give me three fruits", "- apple\n- pear\n- fig", "list", 1.0),
        ("List some rivers.", "Rhine, Po, Elbe", "list", 1.0),
        ("List some rivers.", "The Rhine", "list", 0.0),
        ("Is it red or blue?", "Blue", None, None),
        ("Why?", "Because", None, None),
        ("Can you tell me a story?", "Once", None, None),
        ("Can dogs swim?", "Yes", "yes_no", 1.0),
        ("", "x", None, None),
    ],
)
def test_answers_question_type_by_hand(prompt, output, kind, rate):
    (item,) = answers_question_type([output], [prompt])
    assert (value(item), getattr(item, "label", None)) == (rate, kind)
