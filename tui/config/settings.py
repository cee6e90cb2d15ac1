"""Settings, merged from the defaults, the configuration file and the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from tui.config.errors import SettingsError
from tui.config.paths import config_file, sessions_file
from tui.config.remotes import MODEL, RemoteServer, read_servers
from tui.config.toml_document import Position, TomlFile, did_you_mean, read_toml
from tui.config.validators import (
    ANY_TEXT,
    BIASES,
    BOUNDS,
    CACHE_PRECISIONS,
    KEYS,
    NOTIFICATIONS,
    PATH,
    PATHS,
    PHRASES,
    PRECISIONS,
    STOPS,
    TEXT,
    TEXTS,
    TRUTH,
    Kind,
    one_of,
)

DEFAULT = "default"
# A flag or a place in a file.
Source = str | Position

T = TypeVar("T")


def _setting(default: T, kind: Kind, meaning: str) -> T:
    metadata = {"kind": kind, "meaning": meaning}
    return field(default=default, metadata=metadata)


def _number(name: str, default: T, meaning: str) -> T:
    return _setting(default, BOUNDS[name].kind, meaning)


@dataclass(frozen=True)
class Settings:
    """Each field is a key of config.toml described by its metadata; flags are the same names with dashes.

    ``model``, in the file or as ``--model``, sets both ``chat_model`` and ``story_model``. None: unset, so the model's
    default or the machine decides. ``sources``: origin of each non-default field and remapped key (``keys.ACTION``).
    ``warnings``: messages about the file.
    """

    theme: str = _setting(
        "auto", TEXT, "Colour theme (`llm-tui themes` lists them); auto: dark or light, as the terminal is."
    )
    keys_line: bool = _setting(True, TRUTH, "Show the keys of the focused part in the last line.")
    mouse: bool = _setting(True, TRUTH, "Mouse support; without it, the terminal's own selection works.")
    vi_keys: bool = _setting(False, TRUTH, "vi's keys in the input: Esc, then h j k l w b e d c y p and others.")
    plain: bool = _setting(False, TRUTH, "Chat line by line, for screen readers.")
    notify: str = _setting(
        "off", one_of(*NOTIFICATIONS), "Notify when a reply ends unseen: off, bell or desktop (a bell if unsupported)."
    )
    finish_replies: bool = _setting(False, TRUTH, "If the connection drops, finish running replies before quitting.")
    chat_model: str = _setting(
        "guide", MODEL, "Model for chats: a built-in one, a directory, a GGUF file, ORG/NAME, or URL#NAME of a server."
    )
    story_model: str = _setting("story", MODEL, "Model for stories.")
    prepare_versions: bool = _setting(
        True, TRUTH, "Generate a story's next version ahead while nothing else is generated; never on battery."
    )
    precision: str = _setting("auto", one_of(*PRECISIONS), "Weight precision: " + ", ".join(PRECISIONS) + ".")
    cache_precision: str = _setting(
        "auto", one_of(*CACHE_PRECISIONS), "KV cache precision: " + ", ".join(CACHE_PRECISIONS) + "."
    )
    context: int | None = _number(
        "context", None, "Context limit in tokens (default: the longest that fits the memory)."
    )
    threads: int | None = _number("threads", None, "Compute threads (default: automatic).")
    system: str | None = _setting(None, ANY_TEXT, "System prompt for new chats.")
    thinking: bool | None = _setting(
        None, TRUTH, "Reasoning on or off, if the model can switch it (default: the model's)."
    )
    temperature: float | None = _number(
        "temperature", None, "Sampling temperature; 0 always takes the most likely token."
    )
    top_k: int | None = _number("top_k", None, "Sample from the k most likely tokens; 0 = off.")
    top_p: float | None = _number(
        "top_p", None, "Sample from the smallest set of tokens with total probability p; 1 = off."
    )
    min_p: float | None = _number("min_p", None, "Drop tokens below p × the top probability; 0 = off.")
    repetition_penalty: float | None = _number(
        "repetition_penalty", None, "Repetition penalty; 1 = off, higher repeats less."
    )
    seed: int | None = _number("seed", None, "Random seed; the same seed gives the same text.")
    max_tokens: int | None = _number(
        "max_tokens", None, "Maximum tokens per reply (default: no limit; for a story in the app, 120)."
    )
    stop: tuple[str, ...] | None = _setting(
        None, STOPS, "Stop strings: a reply ends before whichever of them comes first."
    )
    ban: tuple[str, ...] | None = _setting(
        None, PHRASES, "Banned phrases: each is taken back before it is shown, and something else written."
    )
    logit_bias: tuple[tuple[str | int, float], ...] | None = _setting(
        None, BIASES, "Numbers from -100 to 100 that make tokens, given by text or id, more or less likely."
    )
    typical_p: float | None = _number(
        "typical_p",
        None,
        "Sample from the tokens that are about as surprising as expected, with total probability p; 1 = off.",
    )
    xtc_probability: float | None = _number(
        "xtc_probability",
        None,
        "XTC: chance at each token that of all likely ones only the least likely is kept; 0 = off.",
    )
    xtc_threshold: float | None = _number(
        "xtc_threshold", None, "XTC: the probability from which a token counts as likely (default: 0.1)."
    )
    dry_multiplier: float | None = _number(
        "dry_multiplier", None, "DRY: penalty on continuing a repetition; 0 = off, 0.8 is usual."
    )
    dry_base: float | None = _number(
        "dry_base", None, "DRY: growth of the penalty with each token of the repetition (default: 1.75)."
    )
    dry_allowed_length: int | None = _number(
        "dry_allowed_length", None, "DRY: the longest repetition in tokens without a penalty (default: 2)."
    )
    dry_breakers: tuple[str, ...] | None = _setting(
        None, STOPS, "DRY: strings at which a repetition ends (default: newline, colon, quote, asterisk)."
    )
    cache_budget_mb: int | None = _number(
        "cache_budget_mb", None, "Memory for idle KV caches in MB (default: a quarter of free memory)."
    )
    snapshot_limit_mb: int = _number("snapshot_limit_mb", 2000, "Disk space for saved KV caches in MB.")
    db: Path = field(default_factory=sessions_file, metadata={"kind": PATH, "meaning": "Session database."})
    model_directories: tuple[Path, ...] = _setting((), PATHS, "Additional model directories.")
    remotes: tuple[RemoteServer, ...] = _setting(
        (),
        Kind("tables of servers", lambda value: True, read_servers),  # which raises sentences without the values
        "Servers whose models can be used: url, models, and key_file or key_variable.",
    )
    keys: Mapping[str, str | tuple[str, ...]] = field(
        default_factory=dict,
        metadata={"kind": KEYS, "meaning": "Key bindings: a key or a list of keys per action."},
    )
    sources: Mapping[str, Source] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def sampling(self) -> dict[str, Any]:
        """Explicitly set sampling parameters; they override the model's defaults."""
        return {name: value for name in SAMPLING if (value := getattr(self, name)) is not None}

    @property
    def computing(self) -> dict[str, Any]:
        """Keyword arguments of ``Model.load`` common to all models."""
        return {"threads": self.threads, "cache_precision": self.cache_precision, "context": self.context}

    @property
    def flags(self) -> dict[str, Any]:
        """Settings given on the command line."""
        return {name: getattr(self, name) for name, source in self.sources.items() if isinstance(source, str)}

    def source(self, name: str) -> str:
        """Origin of the setting: a flag, a file and line, or DEFAULT."""
        return str(self.sources.get(name, DEFAULT))

    def with_flags(self, **flags: Any) -> "Settings":
        """A copy with these flags applied; None and () mean not given.

        Raises SettingsError, naming the flag, for an invalid value.
        """
        given = {name: value for name, value in flags.items() if value not in (None, ())}
        sources = {name: "--" + name.replace("_", "-") for name in given}
        return _merged(self, given, sources)


SAMPLING = (
    *("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "max_tokens", "stop"),
    *("ban", "logit_bias", "typical_p", "xtc_probability", "xtc_threshold"),
    *("dry_multiplier", "dry_base", "dry_allowed_length", "dry_breakers"),
)
KINDS: dict[str, Kind] = {entry.name: entry.metadata["kind"] for entry in fields(Settings) if entry.metadata}
MEANINGS: dict[str, str] = {entry.name: entry.metadata["meaning"] for entry in fields(Settings) if entry.metadata}
BOTH_MODELS = "model"


def load_settings(file: Path | None = None, **flags: Any) -> Settings:
    """Read ``file`` (default: the user's configuration); flags that are not None override it.

    Raises SettingsError, naming file, line and key, for an invalid value; an unknown key is a warning.
    """
    file = file or config_file()
    try:
        settings = _from_file(read_toml(file))
    except FileNotFoundError:
        settings = Settings()
    return settings.with_flags(**flags)


def _from_file(file: TomlFile) -> Settings:
    known = {*KINDS, BOTH_MODELS}
    unknown = [name for name in file.values if name not in known]
    values = {name: value for name, value in file.values.items() if name in known}
    sources: dict[str, Source] = {name: file.position(name) for name in values}
    keys = values.get("keys")
    for action, chosen in keys.items() if isinstance(keys, dict) else ():
        sources[f"keys.{action}"] = position = file.position("keys", action)
        if not TEXT.accepts(chosen) and not (TEXTS.accepts(chosen) and chosen):
            raise SettingsError(f"{position}: keys.{action} is {chosen!r} (must be a quoted key or a list of them).")
    warnings = [
        f"{file.position(name)}: unknown setting {name} (ignored){did_you_mean(name, known) or '.'}" for name in unknown
    ]
    return replace(_merged(Settings(), values, sources), warnings=tuple(warnings))


def _merged(settings: Settings, values: Mapping[str, Any], sources: Mapping[str, Source]) -> Settings:
    """Merge ``values`` into the settings. ``model`` sets both models."""
    changes: dict[str, Any] = {}
    changed_sources = {**settings.sources, **sources}
    if both := changed_sources.pop(BOTH_MODELS, None):
        for name in ("chat_model", "story_model"):
            if name not in values:
                changes[name] = _checked(BOTH_MODELS, MODEL, values[BOTH_MODELS], both)
                changed_sources[name] = both
    for name, value in values.items():
        if name != BOTH_MODELS:
            changes[name] = _checked(name, KINDS[name], value, sources[name])
    return replace(settings, **changes, sources=changed_sources)


def _checked(name: str, kind: Kind, value: Any, source: Source) -> Any:
    if not kind.accepts(value):
        raise SettingsError(f"{source}: {name} is {_shown(value)} (must be {kind.wanted}).")
    try:
        return kind.make(value)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from None


def _shown(value: Any) -> str:
    """In TOML syntax, truncated."""
    spelled = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return spelled if len(spelled) <= 60 else spelled[:59] + "…"
