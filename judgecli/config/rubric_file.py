"""A rubric read from its YAML, with the place of what is wrong in it."""

from pathlib import Path

from judgecli import outputs
from judgecli.config.document import read_document
from judgecli.config.validation import validate
from judgecli.errors import UsageError
from judgecli.judge.rubric import Rubric

PAGE = "docs/rubric.md"
RUBRIC_SCHEMA_FILE = "rubric.schema.json"


def read_rubric(raw: bytes, *, file: str) -> Rubric:
    """The rubric that the bytes of a YAML file hold; each worked example has a verdict that its own scale bears.

    Raises: ConfigError, whose place is file:line:column.
    """
    from judgecli.judge.form import NotAgreed
    from judgecli.judge.worked import check_example

    document = read_document(raw, file=file)
    rubric = validate(document, Rubric, page=PAGE)
    for place, example in enumerate(rubric.examples):
        try:
            check_example(rubric, example)
        except NotAgreed as problem:
            raise document.error(
                str(problem), ("examples", place, "verdict"), hint=f"write the verdict as the scale '{rubric.scale.kind}' wants it"
            ) from problem
        unknown = sorted(set(example.given) - {*rubric.inputs, *rubric.optional, "outputs"})
        if unknown:
            inputs = ", ".join([*rubric.inputs, *rubric.optional])
            raise document.error(f"'{unknown[0]}' is none of the inputs", ("examples", place, "given", unknown[0]), hint=f"inputs: {inputs}")
    return rubric


def load_rubric_file(path: Path) -> Rubric:
    """The rubric of a file. Raises: ConfigError, UsageError where it cannot be read."""
    try:
        outputs.reads(path, "a rubric")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the rubric {path}: {error.strerror}", hint="judge rubric list shows the library; a rubric of your own is a path"
        ) from error
    return read_rubric(raw, file=str(path))


def rubric_schema() -> dict[str, object]:
    """The shape of a rubric file as JSON Schema, for editors."""
    meanings = {"title": "rubric", "description": "What a judge is asked, and on which scale it answers."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Rubric.model_json_schema(mode="validation"), **meanings}
