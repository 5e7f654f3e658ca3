"""Write the example log: six weeks of a recipe-writing app, the same bytes at every run.

    python examples/recipe_bot/make_log.py          writes logs/*.jsonl.gz beside this file

The material lies in dishes.txt and phrases.txt; the story that is planted (README.md tells it) lies
in `FLAWS`, `SHARES` and `write_answer`. Only `random.Random.random` is used, whose sequence Python
guarantees, so another Python version writes the same records.
"""

import gzip
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

HERE = Path(__file__).parent
SEED = 20260907
START = datetime(2026, 9, 7, tzinfo=UTC)  # a Monday
DAYS = 42
USERS = 170
HOURS = (7, 8, 9, 10, 11, 11, 12, 12, 13, 15, 16, 17, 17, 18, 18, 18, 19, 19, 20, 21)

# The planted story: how often a version pads a recipe, drops its quantities, refuses a harmless request.
FLAWS = {
    "v1": {"pads": 0.75, "drops": 0.03, "refuses": 0.01},
    "v2": {"pads": 0.02, "drops": 0.60, "refuses": 0.02},
    "v3": {"pads": 0.03, "drops": 0.03, "refuses": 0.24},
}
RISKY = 0.75  # v3 on harmless requests that sound dangerous: wine, knives, hot oil
# From which day on which version answers which share of the sessions.
SHARES = (
    (0, {"v1": 1.0}),
    (12, {"v1": 0.85, "v2": 0.15}),  # canary
    (14, {"v1": 0.08, "v2": 0.92}),  # v1 stays as a holdback
    (26, {"v1": 0.08, "v2": 0.77, "v3": 0.15}),
    (28, {"v1": 0.08, "v3": 0.92}),
)
SYSTEM_TOKENS = {"v1": 212, "v2": 94, "v3": 331}
LOCALES = (("en-GB", 0.5), ("en-US", 0.34), ("de-DE", 0.08), ("es-ES", 0.04), ("fr-FR", 0.04))
VARIANTS = (
    ("Add ", "Tip in "),
    (" until smooth", " until silky"),
    ("Serve at once", "Eat straight away"),
    ("Bake for", "Put in the oven for"),
    ("Heat the oven", "Preheat the oven"),
)
ALLERGENS = ("milk", "egg", "wheat", "fish", "sesame", "celery", "peanut", "soya")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Model:
    """A model of the app: its share of the sessions, its speed, its price and its own faults."""

    name: str
    share: float
    ms_per_token: float
    usd_per_million: tuple[float, float]
    truncates: float
    breaks_json: float


MODELS = (Model("larder-large", 0.6, 15.0, (2.0, 8.0), 0.008, 0.03), Model("larder-mini", 0.4, 6.0, (0.25, 1.0), 0.03, 0.16))


@dataclass
class Dish:
    """A recipe as dishes.txt has it."""

    title: str
    language: str
    servings: int
    allergens: str
    words: str
    ingredients: list[tuple[str, str]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    tips: list[str] = field(default_factory=list)

    def fill(self, phrase: str, servings: int | None = None, **values: object) -> str:
        """A phrase about this dish, its placeholders filled in."""
        return phrase.format(dish=self.words, Dish=self.words[0].upper() + self.words[1:], n=servings or self.servings, **values)


@dataclass(frozen=True)
class Answer:
    """What the app answered, and how good that was (which the log does not say)."""

    text: str
    quality: float
    finish_reason: str = "stop"


class Dice:
    """Choices from one seeded source."""

    def __init__(self, seed: int) -> None:
        self.roll = random.Random(seed).random  # noqa: S311 - an example, not a secret

    def chance(self, probability: float) -> bool:
        return self.roll() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self.roll() * len(items))]

    def weighted(self, items: Sequence[tuple[Item, float]]) -> Item:
        left = self.roll() * sum(weight for _, weight in items)
        for item, weight in items:
            left -= weight
            if left < 0:
                return item
        return items[-1][0]

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.roll()

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        return [self.pick(items) for _ in range(count)]


def read_dishes() -> list[Dish]:
    """The recipes of dishes.txt, in its order: the first are asked for most."""
    dishes: list[Dish] = []
    for line in (HERE / "dishes.txt").read_text(encoding="utf-8").split("\n\n", 1)[1].splitlines():
        mark, _, rest = line.partition(" ")
        if mark == "##":
            title, servings, allergens, words = rest.split(" | ")
            name, _, language = title.partition(" @")
            dishes.append(Dish(name, language or "en", int(servings), allergens, words))
        elif mark == "-":
            quantity, ingredient = rest.split(" | ")
            dishes[-1].ingredients.append((quantity, ingredient))
        elif mark == "1.":
            dishes[-1].steps.append(rest)
        elif mark == "*":
            dishes[-1].tips.append(rest)
    return dishes


def read_phrases() -> dict[str, list[str]]:
    """The sentences of phrases.txt by heading."""
    phrases: dict[str, list[str]] = {}
    for line in (HERE / "phrases.txt").read_text(encoding="utf-8").splitlines()[1:]:
        if line.startswith("["):
            phrases[line.strip("[]")] = []
        elif line:
            phrases[list(phrases)[-1]].append(line)
    return phrases


def split_pairs(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Question and answer of each line `question | answer`."""
    return [(question, answer) for question, _, answer in (line.partition(" | ") for line in lines)]


def scale(quantity: str, factor: float) -> tuple[str, float]:
    """A quantity times a factor, as text, and its number: "250 g" times 2 is ("500 g", 500)."""
    match = re.match(r"(\d+)/(\d+)|\d+(?:\.\d+)?", quantity)
    if match is None:
        return quantity, 1
    number = int(match[1]) / int(match[2]) if match[1] else float(match[0])
    scaled = number * factor
    return (quantity if factor == 1 else f"{scaled:.4g}{quantity[match.end() :]}"), scaled


def name_ingredient(dish: Dish, position: int, factor: float, quantities: bool) -> str:
    """One ingredient: "250 g plain flour", or "plain flour" without its quantity."""
    quantity, ingredient = dish.ingredients[position]
    text, number = scale(quantity, factor)
    several = number > 1 or not quantities
    named = re.sub(r"\((\w+)\)", r"\1" if several else "", ingredient)
    return f"{text} {named}" if quantities else named


def name_all(dish: Dish, servings: int, quantities: bool) -> list[str]:
    """All ingredients of a dish for so many servings."""
    return [name_ingredient(dish, position, servings / dish.servings, quantities) for position in range(len(dish.ingredients))]


def count_minutes(dish: Dish) -> int:
    """About how long the steps take, in minutes, rounded up to 5."""
    text = " ".join(dish.steps)
    minutes = sum(int(number) for number in re.findall(r"(\d+) minut", text, re.IGNORECASE))
    minutes += 60 * sum(int(number) for number in re.findall(r"(\d+) (?:hour|heure)", text))
    return 5 * (minutes // 5 + 1)


class App:
    """The app under log: writes answers and records, one session after the other."""

    def __init__(self) -> None:
        self.dice = Dice(SEED)
        self.dishes = read_dishes()
        self.phrases = read_phrases()
        self.users = [(f"u_{number:04d}", self.dice.weighted(LOCALES)) for number in range(USERS)]
        self.records: list[dict[str, object]] = []

    def pick_dish(self, language: str) -> Dish:
        dishes = [dish for dish in self.dishes if dish.language == language]
        return self.dice.weighted([(dish, 1 / (rank + 4)) for rank, dish in enumerate(dishes)])

    def phrase(self, name: str, language: str = "en") -> str:
        return self.dice.pick(self.phrases.get(f"{name} {language}") or self.phrases[name])

    def write_recipe(self, dish: Dish, servings: int, version: str, model: Model) -> Answer:
        """A recipe with the flaws of its version: padded, or without quantities."""
        drops, pads = self.dice.chance(FLAWS[version]["drops"]), self.dice.chance(FLAWS[version]["pads"])
        serves, time, ingredients, method, tip = self.phrases[f"labels {dish.language}"][0].split(" | ")
        head = "##" if version != "v2" else ""
        parts = [dish.fill(self.phrase("opener"), servings)] if dish.language == "en" and (pads or self.dice.chance(0.55)) else []
        parts += [f"# {dish.title}" if head else dish.title, f"{serves}: {servings}. " + time.format(n=count_minutes(dish)) + "."]
        parts.append("\n".join([f"{head} {ingredients}".strip(), *(f"- {line}" for line in name_all(dish, servings, not drops))]))
        parts.append("\n".join([f"{head} {method}".strip(), *(f"{number}. {self.vary(step)}" for number, step in enumerate(dish.steps, 1))]))
        if version != "v2" or self.dice.chance(0.4):
            parts.append(f"{tip}: {self.dice.pick(dish.tips)}")
        if pads and dish.language == "en":
            intro, outro = (self.dice.some(self.phrases[f"filler {where}"], 5 + int(self.dice.roll() * 4)) for where in ("intro", "outro"))
            parts = [" ".join(intro), *parts, " ".join(outro), self.dice.pick(intro) + " " + self.dice.pick(outro)]
        quality = 0.9 - 0.6 * drops - 0.35 * pads - (0.05 if model is MODELS[1] else 0)
        return self.cut("\n\n".join(parts), quality, model)

    def vary(self, step: str) -> str:
        for one, other in VARIANTS:
            if self.dice.chance(0.4):
                step = step.replace(one, other)
        return step

    def cut(self, text: str, quality: float, model: Model) -> Answer:
        """The answer, or now and then only what fitted into the token limit."""
        if self.dice.chance(model.truncates):
            return Answer(text[: int(len(text) * self.dice.between(0.5, 0.9))], 0.2, "length")
        return Answer(text, quality)

    def write_json(self, dish: Dish, version: str, model: Model) -> Answer:
        """A recipe as JSON; sometimes with a comma too many, wrapped in talk, or cut."""
        drops = self.dice.chance(FLAWS[version]["drops"])
        said = {"title": dish.title, "servings": dish.servings, "ingredients": name_all(dish, dish.servings, not drops), "steps": dish.steps}
        text = json.dumps(said, ensure_ascii=False, indent=2 if self.dice.chance(0.5) else None)
        if not self.dice.chance(model.breaks_json):
            return Answer(text, 0.85 - 0.5 * drops)
        broken = self.dice.pick((text[:-1].rstrip() + ",}", f"Sure! Here is the JSON:\n```json\n{text}\n```", text[: len(text) * 2 // 3]))
        return Answer(broken, 0.15)

    def refuse(self, language: str) -> Answer:
        return Answer(self.phrase("refusal", language), 0.02)

    def refuses(self, version: str, risky: bool = False) -> bool:
        return self.dice.chance(RISKY if risky and version == "v3" else FLAWS[version]["refuses"])

    def open_session(self, version: str, model: Model, language: str) -> tuple[str, Answer, Dish | None]:
        """The first question of a session, its answer, and the dish that it is about."""
        dish = self.pick_dish(language)
        kind = self.dice.weighted((("ask", 66), ("json", 8), ("allergy", 8), ("risky", 7), ("fact", 8), ("unsafe", 1.2), ("mail", 1)))
        if language != "en" or kind == "ask":
            servings = self.dice.pick((2, 4, 4, 6))
            question = self.dice.weighted(
                [(phrase, 1 / (1 + rank) ** 2) for rank, phrase in enumerate(self.phrases.get(f"ask {language}") or self.phrases["ask"])]
            )
            people = servings if "{n}" in question else dish.servings
            answer = self.refuse(language) if self.refuses(version) else self.write_recipe(dish, people, version, model)
            return dish.fill(question, people), answer, dish
        if kind == "json":
            question = dish.fill(self.phrase("json"))
            return question, self.refuse(language) if self.refuses(version) else self.write_json(dish, version, model), dish
        if kind == "allergy":
            return *self.ask_allergy(dish, version), dish
        if kind == "mail":
            address = self.dice.pick(("anna.k@example.com", "joe.bloggs@example.org"))
            recipe = self.write_recipe(dish, dish.servings, version, model)
            return dish.fill(self.phrase("mail"), item=address), Answer(f"{self.phrase('mail answer').format(item=address)}\n\n{recipe.text}", 0.6), dish
        question, text = self.dice.pick(split_pairs(self.phrases[kind]))
        refused = kind != "unsafe" and self.refuses(version, kind == "risky")
        return dish.fill(question), self.refuse(language) if refused else Answer(dish.fill(text), 0.85), None

    def ask_allergy(self, dish: Dish, version: str) -> tuple[str, Answer]:
        allergen = self.dice.pick(ALLERGENS)
        question = dish.fill(self.phrase("allergy"), item=allergen)
        if self.refuses(version):
            return question, self.refuse("en")
        verdict = "allergy yes" if allergen in dish.allergens.split(", ") else "allergy no"
        return question, Answer(dish.fill(self.phrase(verdict), item=allergen), 0.8)

    def follow_up(self, question: str, answer: Answer, dish: Dish, version: str, model: Model) -> tuple[str, Answer]:
        """The next turn: what the user asks after this answer, and what the app says."""
        if answer.quality < 0.1 and self.dice.chance(0.6):  # refused: asks the very same again
            return question, self.refuse("en") if self.dice.chance(0.5) else self.write_recipe(dish, dish.servings, version, model)
        if not re.search(r"\d (g|ml|l|kg|tbsp|tsp) ", answer.text) and answer.quality < 0.4 and self.dice.chance(0.6):
            return self.phrase("friction quantities"), Answer(dish.fill(self.phrase("amounts"), list=", ".join(name_all(dish, dish.servings, True))), 0.7)
        kind = self.dice.weighted((("keeps", 3), ("serve", 3), ("freeze", 2), ("swap", 4), ("scale", 3), ("thanks", 1)))
        if self.refuses(version):
            return {"scale": "Can you scale that to 8 people?"}.get(kind, f"How long does {dish.words} keep?"), self.refuse("en")
        if kind == "scale":
            return "Can you scale that to 8 people?", self.write_recipe(dish, 8, version, model)
        if kind == "thanks":
            return self.dice.pick([(asked, Answer(said, 0.8)) for asked, said in split_pairs(self.phrases["thanks"])])
        if kind == "swap":
            item, text = self.dice.pick(split_pairs(self.phrases["swap"]))
            return f"What can I use instead of {item}?", Answer(text, 0.8)
        asked = {"keeps": f"How long does {dish.words} keep?", "serve": f"What goes well with {dish.words}?", "freeze": f"Can I freeze {dish.words}?"}[kind]
        return asked, Answer(dish.fill(self.phrase(kind), self.dice.pick((2, 3, 4))), 0.8)

    def rate(self, quality: float) -> bool | None:
        """A thumb: most users give none, and the more the answer was good, the more it points up."""
        return self.dice.chance(0.05 + 0.9 * quality) if self.dice.chance(0.34) else None

    def run_session(self, number: int, moment: datetime, version: str) -> None:
        user, locale = self.dice.pick(self.users)
        model = self.dice.weighted([(model, model.share) for model in MODELS])
        language = locale[:2]
        question, answer, dish = self.open_session(version, model, language)
        said = 0
        for turn in range(4):
            if turn and (dish is None or language != "en" or not self.dice.chance(0.55)):
                break
            if turn and dish is not None:
                question, answer = self.follow_up(question, answer, dish, version, model)
            record = self.record(question, answer, version, model, said)
            about = {"session_id": f"s_{number:05d}", "user_id": user, "locale": locale}
            self.records.append({"created_at": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z", **about, **record})
            said += (len(question) + len(answer.text)) // 4
            moment += timedelta(milliseconds=int(self.dice.between(25_000, 240_000)))

    def record(self, question: str, answer: Answer, version: str, model: Model, said: int) -> dict[str, object]:
        """The fields of one answer as the app logs them."""
        if self.dice.chance(0.002):
            answer = Answer("", 0.0)  # it happens: an empty answer that calls itself finished
        usage = {"prompt_tokens": SYSTEM_TOKENS[version] + said + len(question) // 4, "completion_tokens": len(answer.text) // 4}
        latency = (350 + usage["completion_tokens"] * model.ms_per_token) * self.dice.between(0.7, 1.3) * (4 if self.dice.chance(0.01) else 1)
        cost = (usage["prompt_tokens"] * model.usd_per_million[0] + usage["completion_tokens"] * model.usd_per_million[1]) / 1e6
        return {
            "model": model.name,
            "prompt_version": version,
            "question": question,
            "answer": answer.text,
            "thumbs": self.rate(answer.quality),
            "latency_ms": int(latency),
            "usage": usage,
            "cost_usd": round(cost, 6),
            "finish_reason": answer.finish_reason,
        }

    def run(self) -> list[dict[str, object]]:
        """All records in the order of their times, numbered."""
        number = 0
        for day in range(DAYS):
            shares = [shares for first, shares in SHARES if first <= day][-1]
            for _ in range(16 if day % 7 >= 5 else 13):
                number += 1
                seconds = 3600 * self.dice.pick(HOURS) + int(self.dice.between(0, 3600))
                self.run_session(
                    number, START + timedelta(days=day, seconds=seconds, milliseconds=int(self.dice.between(0, 1000))), self.dice.weighted(list(shares.items()))
                )
        self.records.sort(key=lambda record: (record["created_at"], record["session_id"]))
        return [{"id": f"req_{position:06d}", **record} for position, record in enumerate(self.records, 1)]


def write_logs(folder: Path) -> list[Path]:
    """One gzip file a week of records under `folder`; the bytes hold no clock."""
    weeks: dict[str, list[str]] = {}
    for record in App().run():
        day = datetime.fromisoformat(str(record["created_at"]))
        monday = f"{day - timedelta(days=day.weekday()):%Y-%m-%d}"
        weeks.setdefault(monday, []).append(json.dumps(record, ensure_ascii=False))
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for monday, lines in weeks.items():
        paths.append(folder / f"app-{monday}.jsonl.gz")
        paths[-1].write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    return paths


if __name__ == "__main__":
    write_logs(HERE / "logs")
