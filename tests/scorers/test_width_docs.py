"""The worked examples of the scorer modules outside text/ hold, those of their inner functions too."""

import doctest
import importlib
import pkgutil

import pytest

from judgecli import scorers

THEMES = ("format", "reference", "context", "safety", "tools", "operations")
MODULES = [name for theme in THEMES for _, name, _ in pkgutil.iter_modules([f"{scorers.__path__[0]}/{theme}"], f"judgecli.scorers.{theme}.")]
MODULES.append("judgecli.scorers.numerals")


def examples_of(module_name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(module_name)
    parser = doctest.DocTestParser()
    said = {name: value.__doc__ for name, value in vars(module).items() if getattr(value, "__module__", None) == module_name and value.__doc__}
    found = [parser.get_doctest(text, dict(vars(module)), f"{module_name}.{name}", module_name, 0) for name, text in said.items()]
    return [one for one in found if one.examples]


@pytest.mark.parametrize("module_name", MODULES)
def test_worked_examples_hold(module_name):
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    for example in examples_of(module_name):
        runner.run(example, out=said.append)
    assert runner.failures == 0, "".join(said)
