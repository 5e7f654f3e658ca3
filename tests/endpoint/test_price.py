"""Costs worked by hand, estimates with their band, and the file that users put on top."""

import pytest
from asking import question

from judgecli.endpoint.price import Band, cost_usd, estimate_request, estimate_tokens, load_prices, total
from judgecli.errors import ConfigError
from judgecli.judge.request import Request, Usage


@pytest.mark.parametrize(
    ("model", "usage", "usd"),
    [
        ("gpt-4o", Usage(1_000_000, 0), 2.5),
        ("gpt-4o", Usage(0, 1_000_000), 10.0),
        ("gpt-4o", Usage(1_000_000, 0, 1_000_000), 1.25),
        ("gpt-4o", Usage(1000, 100, 400), (600 * 2.5 + 400 * 1.25 + 100 * 10) / 1e6),
        ("gpt-4o-2024-11-20", Usage(1_000_000, 0), 2.5),
        ("openai/gpt-4o", Usage(1_000_000, 0), 2.5),
        ("gpt-4o-mini", Usage(1_000_000, 0), 0.15),
        ("gpt-4o-audio", Usage(1_000_000, 0), None),
        ("my-own", Usage(1_000_000, 0), None),
        ("gpt-4o", Usage(), 0.0),
    ],
)
def test_cost_by_hand(model, usage, usd):
    assert cost_usd(model, usage) == (None if usd is None else pytest.approx(usd))


def test_a_batch_costs_half():
    assert cost_usd("gpt-4o", Usage(1_000_000, 0), batch=True) == pytest.approx(1.25)


def test_a_file_of_ones_own_adds_and_replaces(tmp_path, monkeypatch):
    path = tmp_path / "prices.yaml"
    path.write_text("dated: 2026-11-01\nmodels:\n  my-own: {price: [1, 0.5, 2]}\n  gpt-4o: {price: [9, 9, 9]}\n")
    monkeypatch.setenv("JUDGE_PRICES", str(path))
    prices = load_prices()
    assert prices.cost_usd("my-own", Usage(1_000_000, 1_000_000)) == pytest.approx(3.0)
    assert prices.cost_usd("gpt-4o", Usage(1_000_000, 0)) == pytest.approx(9.0)
    assert prices.cost_usd("gpt-4o-mini", Usage(1_000_000, 0)) == pytest.approx(0.15)
    assert prices.dated == "2026-11-01"


@pytest.mark.parametrize(
    "text",
    [
        "models: {a: {price: [1, 2]}}",
        "models: {a: {price: [1, -2, 3]}}",
        "models: {a: {price: [1, .nan, 3]}}",
        "models: {a: 3}",
        "[1]",
        "a: [",
        "",
        "models: {}\nbatch: half",
    ],
)
def test_a_price_file_that_cannot_be_used_says_so(text, tmp_path):
    path = tmp_path / f"prices{hash(text)}.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="price"):
        load_prices(path) and pytest.fail("it was read")


def test_a_price_file_that_is_missing_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_prices(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "likely"),
    [("", 0.0), ("x" * 400, 100.0), ("中" * 130, 100.0), ("я" * 280, 100.0), ("🙂" * 60, 100.0), ("x" * 400 + "中" * 130, 200.0)],
)
def test_tokens_by_script(text, likely):
    band = estimate_tokens(text)
    assert band.likely == pytest.approx(likely)
    assert band.low == pytest.approx(0.75 * likely)
    assert band.high == pytest.approx(1.35 * likely)


def test_the_cost_of_a_run_is_a_range():
    bands = total(estimate_request(question(number)) for number in range(10))
    assert 0 < bands.low < bands.likely < bands.high
    cost = load_prices().estimate_usd("gpt-4o", bands, calls=10, most_out=100)
    assert cost is not None
    assert cost.low < cost.likely < cost.high
    assert cost.high == pytest.approx((bands.high * 2.5 + 10 * 100 * 10) / 1e6)
    assert load_prices().estimate_usd("my-own", bands, calls=10) is None
    assert load_prices().estimate_usd("gpt-5", bands, calls=1).likely > load_prices().estimate_usd("gpt-5.1", bands, calls=0).likely


def test_images_count_though_they_are_not_looked_at():
    parts = [{"type": "text", "text": ""}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10**6}}]
    assert estimate_request(Request(({"role": "user", "content": parts},), None, {})) == Band(101.0, 808.5, 1516.0)
