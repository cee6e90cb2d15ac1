"""The routes of the server, and what each of them asks of the engine."""

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from inference import Engine, Generation, Model, SamplingParams, Session
from tui.config.settings import Settings
from tui.process.in_thread import in_thread
from tui.server.access import Access
from tui.server.admission import Admission
from tui.server.answer import Answer
from tui.server.body import Body
from tui.server.chat_request import ChatRequest, read_chat
from tui.server.completion_request import USUAL_TOKENS, CompletionRequest, Prompt, read_completion
from tui.server.counted import Counted
from tui.server.embeddings import Embeddings, read_embedding
from tui.server.errors import RequestError, refused
from tui.server.fields import json_object
from tui.server.forms import ChatForm, CompletionForm, Form
from tui.server.logprobs import TokenTexts
from tui.server.metrics import CONTENT_TYPE, Metrics
from tui.server.parameters import Parameters, seeded
from tui.server.recent_sessions import RecentSessions
from tui.server.unread import Unread
from tui.services.reasoning import configured
from tui.terminal.sanitize import shortened

# Replies that are computed at once, in one pass over the weights, and requests that wait for that.
MOST_REPLIES, MOST_WAITING = 32, 64
MOST_NAMES = 100  # of ignored fields that are reported
SMALL = 2**16  # bytes of a body that is read at once
LONGEST_NAMES = 200  # characters of names that an error repeats
NO_EMBEDDINGS = "There is no embedding model here. `llm-tui pull minilm` gets one; then start the server again."

T = TypeVar("T")


class Api:
    """``name``: what requests call the model. ``tell`` reports a sentence to whoever runs the server."""

    def __init__(
        self,
        engine: Engine,
        model: Model,
        name: str,
        settings: Settings,
        embeddings: Embeddings | None,
        tell: Callable[[str], None],
        admission: Admission | None = None,
    ) -> None:
        self._engine = engine
        self._model = model
        self._name = name
        self._settings = settings
        self._embeddings = embeddings
        self._tell = tell
        self._admission = admission or Admission(MOST_REPLIES, MOST_WAITING)
        self._metrics = Metrics()
        self._recent = RecentSessions()
        self._token_texts = TokenTexts(model.tokenizer)
        self._fingerprint = f"fp_{hashlib.sha256(model.fingerprint.encode()).hexdigest()[:10]}"
        self._created = int(time.time())
        self._reported: set[str] = set()

    def app(self, host: str, key: str | None) -> Starlette:
        """The application that listens on ``host``, for clients with this ``key``, if there is one."""
        routes = [
            Route("/health", self._health),
            Route("/metrics", self._show_metrics),
            Route("/v1/models", self._models),
            Route("/v1/models/{name:path}", self._one_model),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/completions", self._complete, methods=["POST"]),
            Route("/v1/embeddings", self._embed, methods=["POST"]),
        ]
        app = Starlette(
            routes=routes,
            middleware=[
                Middleware(Counted, metrics=self._metrics, paths=[route.path for route in routes]),
                Middleware(Unread),
                Middleware(Access, host=host, key=key),
                Middleware(Body),
            ],
            exception_handlers={RequestError: refused, HTTPException: refused, Exception: refused},
        )
        app.router.redirect_slashes = False  # a redirection would be no answer in OpenAI's form
        return app

    def drain(self) -> None:
        """Let the replies under way end, and refuse all others."""
        self._admission.drain()
        if self._embeddings is not None:
            self._embeddings.drain()

    @property
    def running(self) -> int:
        """Replies that are computed now."""
        return self._admission.running

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _show_metrics(self, request: Request) -> Response:
        text = self._metrics.text(self._admission.running, self._admission.waiting)
        return PlainTextResponse(text, headers={"content-type": CONTENT_TYPE})

    async def _models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._described(name) for name in self._names()]})

    async def _one_model(self, request: Request) -> Response:
        name = request.path_params["name"]
        self._require(name, self._names())
        return JSONResponse(self._described(name))

    async def _chat(self, request: Request) -> Response:
        chat = await _read(request, read_chat)
        self._check(chat.parameters)
        template = self._model.chat_template
        unknown = chat.switches.keys() - (template.switches if template else {})
        if unknown:
            names = shortened(", ".join(sorted(unknown)), LONGEST_NAMES)
            message = f"The chat template of {self._name} has no switch {names}."
            raise RequestError(400, "unsupported_parameter", message, "chat_template_kwargs")
        params = self._params(chat.parameters, {})
        form = ChatForm(self._name, self._fingerprint, chat.parameters.logprobs)
        return self._answer(chat.parameters, form, [partial(self._reply, chat)], [""], params)

    def _reply(self, chat: ChatRequest, session: Session, params: SamplingParams) -> Generation:
        variables = configured(session.model.chat_template, self._settings) | chat.switches
        return session.reply(chat.messages, params, chat.continues, variables)

    async def _complete(self, request: Request) -> Response:
        completion = await _read(request, read_completion)
        self._check(completion.parameters)
        params = self._params(completion.parameters, {"max_tokens": USUAL_TOKENS})
        form = CompletionForm(self._name, self._fingerprint, completion.parameters.logprobs)
        befores = [_echoed(completion, prompt) for prompt in completion.prompts]
        asks = [partial(_continue, prompt) for prompt in completion.prompts]
        return self._answer(completion.parameters, form, asks, befores, params)

    async def _embed(self, request: Request) -> Response:
        if self._embeddings is None:
            raise RequestError(501, "no_embedding_model", NO_EMBEDDINGS)
        asked = await _read(request, read_embedding)
        self._require(asked.model, [self._embeddings.name])
        self._report(asked.ignored)
        return JSONResponse(await self._embeddings.answer(asked))

    def _answer(
        self,
        parameters: Parameters,
        form: Form,
        asks: Sequence[Callable[[Session, SamplingParams], Generation]],
        befores: Sequence[str],
        params: Sequence[SamplingParams],
    ) -> Answer:
        """``asks`` and ``befores``: for each prompt; ``params``: for each of its replies."""
        sessions: list[Session] = []

        def submit(ask: Callable[[Session, SamplingParams], Generation], each: SamplingParams) -> Generation:
            sessions.append(self._engine.new_session())
            return ask(sessions[-1], each)

        return Answer(
            [partial(submit, ask, each) for ask in asks for each in params],
            [before for before in befores for _ in params],
            parameters,
            form,
            self._token_texts,
            self._admission,
            self._metrics,
            lambda: self._recent.keep(sessions),
        )

    def _params(self, parameters: Parameters, usual: dict[str, Any]) -> list[SamplingParams]:
        """The parameters of each reply: what is not asked for is as the user set it, else as the model recommends."""
        chosen = usual | self._settings.sampling | parameters.sampling
        return [
            SamplingParams.from_generation_config(self._model.generation_config, seeded(chosen, index))
            for index in range(parameters.count)
        ]

    def _check(self, parameters: Parameters) -> None:
        self._require(parameters.model, [self._name])
        self._report(parameters.ignored)

    def _report(self, ignored: Sequence[str]) -> None:
        for name in ignored:
            shown = name[:40].encode("ascii", "backslashreplace").decode()
            if shown not in self._reported and len(self._reported) < MOST_NAMES:
                self._reported.add(shown)
                self._tell(f"A client sends the field {shown!r}, which is unknown here and ignored.")

    def _require(self, name: str, names: list[str]) -> None:
        if name not in names:
            here = ", ".join(names)
            raise RequestError(404, "model_not_found", f"There is no model {name[:100]!r} here, only {here}.", "model")

    def _names(self) -> list[str]:
        return [self._name, *([self._embeddings.name] if self._embeddings else [])]

    def _described(self, name: str) -> dict[str, Any]:
        described = {"id": name, "object": "model", "created": self._created, "owned_by": "llm-tui"}
        return described | ({"max_model_len": self._model.context} if name == self._name else {})


def _continue(prompt: Prompt, session: Session, params: SamplingParams) -> Generation:
    return session.complete(prompt if isinstance(prompt, str) else [prompt], params)


def _echoed(completion: CompletionRequest, prompt: Prompt) -> str:
    return prompt if completion.echo and isinstance(prompt, str) else ""


async def _read(request: Request, read: Callable[[dict[str, Any]], T]) -> T:
    """Read the body. A large one of many parts takes seconds: a thread holds up nobody for it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(
            415, "unsupported_content_type", "The body must be JSON, with Content-Type application/json."
        )
    content = await request.body()
    if len(content) <= SMALL:
        return read(json_object(content))
    return await in_thread(lambda: read(json_object(content)))
