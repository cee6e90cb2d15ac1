"""`llm-tui chat`: one question, one answer."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tui.cli.options import db_option, model_options, sampling_options, settings_for, written
from tui.cli.output import tell
from tui.cli.session_store import find_session, open_store
from tui.cli.streaming import generate, with_piped
from tui.storage.errors import OpenElsewhereError, StoreError

if TYPE_CHECKING:
    from inference import SamplingParams
    from tui.config.settings import Settings
    from tui.conversation.conversation import Conversation
    from tui.services.text_source import TextSource, TextStream
    from tui.storage.store import Store

# Maximum delay between printing text and saving it.
KEEP_SECONDS = 0.5


@click.command()
@click.argument("prompt", required=False, callback=written)
@model_options("the session's, else guide")
@click.option(
    "--session",
    metavar="NAME",
    callback=written,
    help="Ask in this session, given by its title or the start of its id.",
)
@click.option("--system", metavar="TEXT", callback=written, help="System prompt.")
@click.option(
    "--thinking/--no-thinking", default=None, help="Reasoning, if the model can switch it.  [default: the model's]"
)
@sampling_options
@db_option
@click.pass_context
def chat(
    context: click.Context, /, prompt: str | None, session: str | None, system: str | None, stats: bool, **given: Any
) -> None:
    """Ask one question and print the answer.

    Piped input is appended to PROMPT. With --session, question and answer are saved in that session, which is created
    if necessary.

    Sampling is as the options and config.toml say, else as the model's makers recommend; where they recommend no
    temperature, it is temperature 0.8, top-k 40, top-p 0.95 and min-p 0.05. A server has its own defaults.
    """
    from tui.services.reasoning import template_of, variables

    if session is not None and not session.strip():
        raise click.UsageError("--session needs a title or the start of an id.")
    text = with_piped(prompt)
    settings = settings_for(context, system=system, **given)
    if session is not None:
        with open_store(context, given["db"], new=True) as store:
            _ask_within(store, _session(store, session, settings), text, settings, stats)
        return
    messages = [{"role": "system", "content": settings.system}] if settings.system else []
    messages.append({"role": "user", "content": text})

    def ask(source: "TextSource", params: "SamplingParams") -> "TextStream":
        return source.reply(messages, params, variables=variables(template_of(source), settings, {}))

    generate(settings, "chat_model", stats, ask)


def _session(store: "Store", name: str, settings: "Settings") -> "Conversation":
    """Open the session of that title or id, or begin one. Raises StoreError if it is ambiguous or locked."""
    from tui.conversation.conversation import Conversation
    from tui.storage.store import OPEN_ELSEWHERE

    found = find_session(store, name)
    if found is None:
        tell(f"New session “{name}”.")
        told = {"system": settings.system} if settings.system else {}
        return Conversation("chat", title=name, model=settings.chat_model, settings=told)
    conversation = store.open(found)
    if not store.holds(conversation.id):
        raise OpenElsewhereError(OPEN_ELSEWHERE)
    if conversation.mode != "chat":
        raise StoreError(f"“{conversation.shown_title}” is a story; `llm-tui chat` needs a chat.")
    return conversation


def _ask_within(store: "Store", conversation: "Conversation", text: str, settings: "Settings", stats: bool) -> None:
    """Ask and save: the question first, then the answer as it is generated."""
    from tui.cli.attached_documents import AttachedDocuments
    from tui.services.background import background_of
    from tui.services.reasoning import template_of, variables
    from tui.services.reply import outcome_of
    from tui.services.session import Session

    if "chat_model" not in settings.flags:
        settings = replace(settings, chat_model=conversation.model or settings.chat_model)
    if "system" in settings.flags:
        conversation.settings["system"] = settings.system
    tree = conversation.tree
    asked = tree.add("user", text)
    node = tree.begin("assistant")
    store.save(conversation)
    if store.trouble:
        raise StoreError(store.trouble)
    saved, documents = time.monotonic(), AttachedDocuments(settings)

    def ask(source: "TextSource", params: "SamplingParams") -> "TextStream":
        switches = variables(template_of(source), settings, conversation.settings)
        for sentence in documents.quote(Session(conversation), node, source.model, source.context, switches):
            tell(sentence)
        store.save(conversation)
        path = tree.path(asked.id)
        background = background_of(Session(conversation), path, source.model, source.context)
        messages = conversation.messages(path, settings.chat_model, background=background)
        return source.reply(messages, params, variables=switches)

    def keep(piece: str) -> None:
        nonlocal saved
        tree.grow(node.id, piece)
        if time.monotonic() - saved > KEEP_SECONDS:
            store.save(conversation)
            saved = time.monotonic()

    try:
        generation, finished = generate(settings, "chat_model", stats, ask, keep=keep)
        tree.settle(node.id, tuple(generation.token_ids), outcome_of(generation, finished, settings.chat_model))
    finally:
        documents.close()
        if tree[node.id].growing and tree[node.id].text:
            tree.settle(node.id, (), None)
        elif tree[node.id].growing:
            tree.abandon(node.id, asked.id)
        conversation.updated = time.time()
        store.save(conversation)
    if store.trouble:
        raise StoreError(store.trouble)
