"""`llm-tui docs eval`: whether the right passages are found, and whether answers are better with them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.document_index import (
    NO_DOCUMENTS,
    Progress,
    collection_option,
    existing_documents,
    json_option,
    load_embedder,
    named,
    users_own,
)
from tui.cli.options import FilledPath, documents_db_option, model_options, settings_for
from tui.cli.output import tell, writer
from tui.cli.streaming import find, load
from tui.formatting.units import counted

if TYPE_CHECKING:
    from inference import Engine, Generation, Session
    from tui.config.settings import Settings
    from tui.conversation.quotes import Quote
    from tui.documents.evaluation import Outcome
    from tui.documents.index import DocumentIndex, Found

# The chat model to ask, if it is here and no other is named.
USUAL_MODEL = "smollm2"
MAX_TOKENS = 32


@click.command("eval")
@click.argument("file", metavar="FILE", type=FilledPath(path_type=Path))
@click.option("--answers/--no-answers", default=True, help="Ask a model, too, which takes long.  [default: --answers]")
@collection_option("all of your own")
@model_options("smollm2 if it is downloaded, else guide", server=False)
@json_option
@documents_db_option
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    file: Path,
    answers: bool,
    collection: str | None,
    as_json: bool,
    db: Path | None,
    **computing: str | int | None,
) -> None:
    """Measure how much the documents help, with your questions.

    FILE has a line of JSON for each question: {"question": "…", "answers": ["…"], "path": "notes/pump.md", "quote":
    "…"}. A reply is right if it has one of the answers in it. "path" and "quote" name the passage with the answer: the
    end of the file's path, and some of its words. If the documents have no answer, "answers" is []: then a reply is
    right that says so.

    Prints how often the right passage is found by words, by vectors and by both; how many replies are right without
    documents, with the passages that were found, and with the right passage; and how many the documents made worse. The
    model replies at temperature 0, with 32 tokens at most.
    """
    from tui.documents.errors import DocumentError
    from tui.documents.evaluation import locate, measure_search
    from tui.documents.notices import WORDS_ALONE
    from tui.documents.questions import read_questions

    questions = read_questions(file)
    settings = _with_usual_model(settings_for(context, db=db, **computing))
    with existing_documents(settings) as index, Progress() as progress:
        names = named(index, collection) or users_own(index)
        if not names:
            raise DocumentError(NO_DOCUMENTS)
        outcomes = locate(index, file, questions, names)
        embedder = load_embedder(settings)
        if embedder is None:
            tell(WORDS_ALONE)
        measure_search(index, outcomes, embedder, names, lambda done, total: progress.show(f"search {done} of {total}"))
        try:
            if answers:
                _measure_answers(settings, index, outcomes, progress)
        finally:  # what was computed is printed even if the rest is interrupted
            progress.close()
            _print(outcomes, Path(settings.chat_model).name, as_json)


def _with_usual_model(settings: "Settings") -> "Settings":
    """The settings with the usual model for answers, unless the user has chosen another or it is not here."""
    from inference import CheckpointError

    if "chat_model" in settings.sources:
        return settings
    try:
        find(USUAL_MODEL, settings.model_directories)
    except CheckpointError:
        return settings
    return replace(settings, chat_model=USUAL_MODEL)


def _measure_answers(
    settings: "Settings", index: "DocumentIndex", outcomes: "Sequence[Outcome]", progress: Progress
) -> None:
    from inference import Engine
    from tui.documents.evaluation import measure_answers
    from tui.services.documents import PASSAGES

    progress.close()
    model = load(settings, "chat_model")
    with Engine(model) as engine:
        reader = ModelReader(engine, settings)
        try:
            measure_answers(
                index, outcomes, reader, PASSAGES, lambda done, total: progress.show(f"answers {done} of {total}")
            )
        except KeyboardInterrupt:
            progress.close()
            tell(f"Interrupted after {sum(bool(each.replies) for each in outcomes)} of {len(outcomes)} questions.")
            raise
        if reader.left_out:
            tell(f"Left out, as the context had no room: {counted(reader.left_out, 'passage')}.")


class ModelReader:
    """Asks a chat model. ``left_out``: passages for which its context had no room."""

    def __init__(self, engine: "Engine", settings: "Settings") -> None:
        from inference import SamplingParams
        from tui.services.reasoning import variables

        assert engine.model is not None
        self.left_out = 0
        self._engine = engine
        self._sessions: list[Session] = []
        self._params = SamplingParams(temperature=0, max_tokens=MAX_TOKENS)
        self._variables = variables(engine.model.chat_template, replace(settings, thinking=False), {})

    def replies(self, question: str, passages: "Sequence[Sequence[Found]]") -> list[str]:
        """One reply for each sequence of passages, all of them decoded together."""
        while len(self._sessions) < len(passages):
            self._sessions.append(self._engine.new_session(on_disk=False))
        # The same sessions for all questions: caches of closed ones would be kept until Python collects garbage.
        generations = [
            self._ask(session, question, each) for session, each in zip(self._sessions, passages, strict=False)
        ]
        return [_text(generation) for generation in generations]

    def _ask(self, session: "Session", question: str, passages: "Sequence[Found]") -> "Generation":
        """Ask as a chat does, with the passages that fit into half of what is free."""
        from tui.conversation.quotes import with_quotes
        from tui.services.quoting import SHARE, fitting

        def count(quotes: "Sequence[Quote]") -> int:
            return session.count([_from_user(with_quotes(question, quotes))], self._variables)

        alone = count(())
        room = (session.context - alone) // SHARE
        quotes = fitting([_quote(found) for found in passages], room, lambda chosen: count(chosen) - alone)
        self.left_out += len(passages) - len(quotes)
        return session.reply([_from_user(with_quotes(question, quotes))], self._params, variables=self._variables)


def _quote(found: "Found") -> "Quote":
    from tui.conversation.quotes import Quote

    name, passage = "/".join(found.path.parts[-2:]), found.passage
    return Quote(name, str(found.path), passage.line, passage.heading, passage.text)


def _from_user(message: str) -> dict[str, str]:
    return {"role": "user", "content": message}


def _text(generation: "Generation") -> str:
    """Wait for the reply. Raises what it failed with."""
    from inference import Failed, Token

    pieces = []
    for event in generation:
        if isinstance(event, Token):
            pieces.append(event.text)
        elif isinstance(event, Failed):
            raise event.error
    return "".join(pieces)


def _print(outcomes: "Sequence[Outcome]", model: str, as_json: bool) -> None:
    from tui.documents.evaluation_report import as_json as described
    from tui.documents.evaluation_report import plot, table

    if as_json:
        writer()(json.dumps(described(outcomes, model), indent=1) + "\n")
    else:
        writer()(f"{table(outcomes, model)}\n\n{plot(outcomes)}\n")
