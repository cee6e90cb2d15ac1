"""A deployment of the server on Ray Serve: `serve run tui.server.fleet:fleet replicas=2`.

The only module that imports Ray, which reads it; nothing of the program does. Several replicas, each a process with an
engine of its own, are behind a front, where requests come in. Ray places the replicas, watches and replaces them, lets
them end their replies before it stops them, and chooses one for each request: by consistent hashing of the
conversation, so that its turns meet the replica that has computed the earlier ones.
"""

import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
from ray import serve
from ray.exceptions import RayActorError
from ray.serve.config import RequestRouterConfig
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle
from starlette.types import Message

from inference import Engine, InferenceError, Model
from inference.sources.registry import find_model
from inference.system.cores import usable_cores
from tui.config.paths import model_places
from tui.config.settings import load_settings
from tui.server.api import MOST_REPLIES, MOST_WAITING, Api
from tui.server.errors import RequestError
from tui.server.front import Front
from tui.server.health import Health
from tui.server.listening import DRAIN_SECONDS, LAST_SECONDS, read_key
from tui.server.relay import RelayedRequest, respond
from tui.server.served_model import served_embeddings, served_name
from tui.server.uvicorn_internals import MOST_CONNECTIONS

ROUTER = "ray.serve.experimental.consistent_hash_router:ConsistentHashRouter"
# Seconds that a replica has to tell Ray that it has room, before its conversations go to another one. By default these
# are 0.1, which cores that compute do not always keep.
PATIENCE = {"RAY_SERVE_QUEUE_LENGTH_RESPONSE_DEADLINE_S": "5"}
log = logging.getLogger("ray.serve")


@dataclass(frozen=True)
class FleetOptions:
    """What `serve run` can be told, beside what each machine's `config.toml` says.

    ``threads``: of each replica; as many CPUs are reserved for it. ``api_key_file``: its path, on each machine.
    ``host``: a name by which clients call the fleet.
    """

    model: str | None
    replicas: int
    threads: int
    api_key_file: str | None
    host: str

    def read_key(self) -> str | None:
        """Read the key in this machine's file. Raises ListenError if there is no usable one, OSError."""
        return None if self.api_key_file is None else read_key(Path(self.api_key_file))


def read_options(given: Mapping[str, Any]) -> FleetOptions:
    """Read words of the command line, or values of a YAML file. Raises ClickException for an invalid one."""
    usual = FleetOptions(None, replicas=2, threads=usable_cores(), api_key_file=None, host="localhost")
    read = asdict(usual)
    for name, value in given.items():
        if name not in read:
            raise click.ClickException(f"Unknown option {name}: there are {', '.join(read)}.")
        if isinstance(read[name], int) and not (str(value).isdecimal() and int(value)):
            raise click.ClickException(f"{name} must be a whole number from 1.")
        read[name] = int(value) if isinstance(read[name], int) else str(value)
    # Replicas have another current directory.
    if read["api_key_file"] is not None:
        read["api_key_file"] = str(Path(read["api_key_file"]).expanduser().absolute())
    if read["model"] is not None and "/" in read["model"] and Path(read["model"]).exists():
        read["model"] = str(Path(read["model"]).absolute())
    return FleetOptions(**read)


class Replica:
    """One engine, with the whole server around it."""

    def __init__(self, options: FleetOptions) -> None:
        settings = load_settings().with_flags(model=options.model, threads=options.threads)
        path = find_model(settings.chat_model, model_places(settings.model_directories))
        model = Model.load(path, settings.precision, **settings.computing)
        model.prepare()  # a replica without compiled kernels would be a slow one
        for warning in (*settings.warnings, *model.warnings):
            log.warning(warning)
        self._engine = Engine(model, settings.cache_budget_mb and settings.cache_budget_mb * 2**20)
        name, embeddings = served_name(settings), served_embeddings(settings)
        api = Api(self._engine, model, name, settings, embeddings, log.warning)
        self._app = api.app("localhost", options.read_key())
        self._health = Health(self._engine, api)

    async def respond(self, request: RelayedRequest) -> AsyncGenerator[Message, None]:
        """Yield the messages of the response."""
        async for message in respond(self._app, request):
            yield message

    def check_health(self) -> None:
        """Called by Ray every few seconds; it replaces a replica that has raised three times."""
        self._health.check()

    def __del__(self) -> None:
        """Called by Ray when the replies under way have ended, or had time to."""
        self._engine.close()


async def ask(replicas: DeploymentHandle, request: RelayedRequest) -> AsyncGenerator[Message, None]:
    """Have a replica respond. Raises RequestError if none takes the request, or if the one that did is gone."""
    response = replicas.options(stream=True, session_id=request.conversation).respond.remote(request)
    try:
        async for message in response:
            yield message
    except BackPressureError:
        raise RequestError(429, "too_many_requests", "Too many requests are waiting; try again later.") from None
    except (RayActorError, RayServeException):
        message = "The replica that computed this reply is gone; another one answers if you send the request again."
        raise RequestError(503, "replica_lost", message) from None
    finally:
        response.cancel()


def fleet(given: dict[str, Any]) -> Any:
    """The application that `serve run` runs; ``given``: see FleetOptions."""
    options = read_options(given)
    try:
        options.read_key()  # what is wrong with it is told now
    except (InferenceError, OSError) as error:
        raise click.ClickException(str(error)) from None

    def front() -> Front:
        replicas = serve.get_deployment_handle(Replica.__name__)
        return Front(partial(ask, replicas), options.host, options.read_key())

    ending = {"graceful_shutdown_timeout_s": DRAIN_SECONDS + LAST_SECONDS}
    replicas = serve.deployment(
        Replica,
        num_replicas=options.replicas,
        ray_actor_options={"num_cpus": options.threads},
        max_ongoing_requests=MOST_REPLIES,
        max_queued_requests=MOST_WAITING,
        request_router_config=RequestRouterConfig(request_router_class=ROUTER),
        **ending,
    )
    entrance = serve.deployment(
        serve.ingress(front)(),
        name="Front",
        ray_actor_options={"num_cpus": 0, "runtime_env": {"env_vars": PATIENCE}},
        max_ongoing_requests=MOST_CONNECTIONS,
        max_queued_requests=MOST_WAITING,
        **ending,
    )
    return entrance.bind(replicas.bind(options))
