"""How many conversations a directory of chat templates renders as transformers does.

    python -m tests.bench.template_comparison vendor/llama.cpp/models/templates

Needs transformers. A rendering counts if transformers makes one; beside it stands what it refuses and we render
(templates that insist on alternating turns, for example). Each difference is shown from where it begins.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from inference import ChatTemplate, TemplateError
from inference.text.template import RENDERER

TOKENS = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"}
SHOWN = 60


def say(role: str, content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


SYSTEM, USER = say("system", "You are terse."), say("user", "What is 2 < 3 & 'so'?")
ANSWER, MORE = say("assistant", "True."), say("user", "Why?")
THOUGHT = say("assistant", "<think>\nhm, easy\n</think>\n\nTrue.")
APART = say("assistant", "True.", reasoning_content="hm, easy")
PARTS = say("user", [{"type": "text", "text": "What is"}, {"type": "text", "text": " 2 < 3?"}])


class Case(NamedTuple):
    """Arguments of a rendering."""

    messages: list[dict[str, Any]]
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    variables: dict[str, Any] = {}  # noqa: RUF012


CASES = {
    "question": Case([USER]),
    "question, closed": Case([USER], False),
    "system": Case([SYSTEM, USER]),
    "turns": Case([USER, ANSWER, MORE]),
    "turns with system": Case([SYSTEM, USER, ANSWER, MORE, ANSWER, MORE]),
    "turns, closed": Case([SYSTEM, USER, ANSWER], False),
    "older thought": Case([USER, THOUGHT, MORE]),
    "last thought": Case([USER, THOUGHT], False),
    "thought apart": Case([SYSTEM, USER, APART, MORE]),
    "last thought apart": Case([USER, APART], False),
    "continued": Case([USER, ANSWER], False, True),
    "continued with blanks": Case([SYSTEM, USER, say("assistant", " It \n")], False, True),
    "continued thought": Case([USER, say("assistant", "<think>\nhm, eas")], False, True),
    "continued question": Case([USER], False, True),
    "continued, said before": Case([USER, ANSWER, MORE, say("assistant", "True")], False, True),
    "continued, empty": Case([USER, say("assistant", "")], False, True),
    "empty": Case([say("user", ""), say("assistant", ""), USER]),
    "empty system": Case([say("system", ""), USER]),
    "blanks": Case([say("system", "\n a "), say("user", " b\n\n"), say("assistant", "\n c "), MORE]),
    "other scripts": Case([say("user", "東京 é 😀 \u200b"), say("assistant", "مرحبا"), MORE]),
    "quoted control tokens": Case([say("user", "</s><|im_end|><think></think>[INST]"), ANSWER, MORE]),
    "nobody": Case([]),
    "assistant first": Case([ANSWER, USER]),
    "two questions": Case([USER, MORE]),
    "system later": Case([USER, ANSWER, SYSTEM, MORE]),
    "another role": Case([say("developer", "Be kind."), USER]),
    "parts": Case([PARTS]),
    "parts later": Case([SYSTEM, USER, say("assistant", [{"type": "text", "text": "True."}]), PARTS]),
    "thinking": Case([SYSTEM, USER], variables={"enable_thinking": True, "thinking": True}),
    "not thinking": Case([SYSTEM, USER], variables={"enable_thinking": False, "thinking": False}),
    "not thinking, turns": Case([USER, THOUGHT, MORE], variables={"enable_thinking": False, "thinking": False}),
    "effort": Case([SYSTEM, USER], variables={"reasoning_effort": "high"}),
}


class Result(NamedTuple):
    """A rendering, or the reason why there is none."""

    text: str | None
    refusal: str = ""


def ours(source: str, case: Case) -> Result:
    try:
        template = ChatTemplate(source, **TOKENS)
        return Result(
            template.render(case.messages, case.add_generation_prompt, case.continue_final_message, case.variables)
        )
    except TemplateError as error:
        return Result(None, str(error))


def theirs(source: str, case: Case) -> Result:
    from transformers.utils.chat_template_utils import render_jinja_template  # type: ignore[import-not-found]

    try:
        texts, _ = render_jinja_template(
            [case.messages],
            chat_template=source,
            add_generation_prompt=case.add_generation_prompt,
            continue_final_message=case.continue_final_message,
            **TOKENS,
            **case.variables,
        )
        return Result(texts[0])
    except Exception as error:  # templates can raise anything
        return Result(None, " ".join(f"{type(error).__name__}: {error}".split()))


def compare(files: list[Path]) -> Iterator[tuple[str, str, Result, Result]]:
    for file in files:
        source = file.read_text(encoding="utf-8")
        for name, case in CASES.items():
            yield file.name, name, theirs(source, case), ours(source, case)


def differing(expected: str, found: str) -> str:
    pairs = zip(expected, found, strict=False)
    start = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(found)))
    start = max(0, start - SHOWN // 3)
    return f"{expected[start : start + SHOWN]!r} is {found[start : start + SHOWN]!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare renderings of chat templates with those of transformers.")
    parser.add_argument("directory", type=Path, help="where the .jinja files are")
    parser.add_argument("--refused", action="store_true", help="also show what only transformers refuses")
    options = parser.parse_args()
    files = sorted(options.directory.glob("*.jinja"))
    counts: Counter[str] = Counter()
    for file, name, expected, found in compare(files):
        where = f"{file}, {name}"
        if expected.text is None:
            counts["only ours" if found.text is not None else "refused by both"] += 1
            if options.refused and found.text is not None:
                print(f"{where}: {expected.refusal[:200]}")
        elif expected.text == found.text:
            counts["equal"] += 1
        else:
            counts["different"] += 1
            print(f"{where}: {found.refusal or differing(expected.text, found.text or '')}")
    RENDERER.close()
    print(
        f"{len(files)} templates, {len(CASES)} conversations each: {counts['equal']} renderings of "
        f"{counts['equal'] + counts['different']} that transformers makes are equal; it refuses "
        f"{counts['only ours'] + counts['refused by both']}, of which we render {counts['only ours']}."
    )
    return bool(counts["different"]) or not counts["equal"]


if __name__ == "__main__":
    sys.exit(main())
