"""What a person may write in config.toml, what they are told where it cannot be, and what one edit leaves alone."""

import dataclasses
import stat
import tomllib
from json import dumps
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import toml_document
from tui.config.errors import SettingsError
from tui.config.key_remapping import remap
from tui.config.settings import MEANINGS, Settings, load_settings
from tui.config.toml_document import TomlFile, set_string


@pytest.fixture
def config(tmp_path):
    return tmp_path / "config.toml"


def test_without_a_file_everything_is_the_default(config):
    settings = load_settings(config)
    assert settings == Settings()
    assert {settings.source(name) for name in MEANINGS} == {"default"}


def test_every_setting_says_what_it_means_and_has_a_default_of_its_kind():
    names = {field.name for field in dataclasses.fields(Settings)} - {"sources", "warnings"}
    assert set(MEANINGS) == names
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())


def test_each_value_remembers_its_source(config):
    config.write_text('# mine\n\ntheme = "light"\nstop = [\n  "a",\n  "b",\n]\nthreads = 2\n[keys]\nhelp = "f5"\n')
    settings = load_settings(config, threads=3, temperature=None)
    assert (settings.theme, settings.source("theme")) == ("light", f"{config}, line 3")
    assert (settings.stop, settings.source("stop")) == (("a", "b"), f"{config}, line 4")
    assert (settings.threads, settings.source("threads")) == (3, "--threads")
    assert (settings.temperature, settings.source("temperature")) == (None, "default")
    assert (settings.keys, settings.source("keys.help")) == ({"help": "f5"}, f"{config}, line 10")


def test_one_model_for_both_unless_one_is_named(config):
    config.write_text('story_model = "tales"\nmodel = "org/all"\n')
    settings = load_settings(config)
    assert (settings.chat_model, settings.story_model) == ("org/all", "tales")
    assert settings.source("chat_model") == f"{config}, line 2"
    flagged = load_settings(config, model="other")
    assert (flagged.chat_model, flagged.story_model) == ("other", "other")
    assert flagged.source("story_model") == "--model"


def test_sampling_is_what_somebody_chose(config):
    config.write_text("temperature = 0\ntop_k = 40\n")
    settings = load_settings(config).with_flags(top_k=5, stop=())
    assert settings.sampling == {"temperature": 0.0, "top_k": 5}


def test_paths_begin_at_home(config, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    config.write_text('db = "~/chats.db"\nmodel_directories = ["~/models", "/opt/models"]\n')
    settings = load_settings(config)
    assert settings.db == Path("/home/ada/chats.db")
    assert settings.model_directories == (Path("/home/ada/models"), Path("/opt/models"))


FULL = """# all of it

theme = "dark"
model_directories = [
    "/a",  # with a comment
    "/b",
]
system = '''
[keys]
threads = 9
'''
threads = 2
temperature = 0.5

[keys]
help = "f13"
regenerate = ["b",
  "f11"]
"""


@pytest.fixture
def parses(monkeypatch):
    """The texts that were parsed."""
    texts, loads = [], tomllib.loads
    monkeypatch.setattr(toml_document.tomllib, "loads", lambda text: texts.append(text) or loads(text))
    return texts


def test_a_file_is_parsed_once_while_nothing_is_wrong(config, parses):
    config.write_text(FULL)
    settings = load_settings(config, threads=3)
    remap(settings)
    assert parses == [FULL]


def test_positions_are_found_in_one_pass_when_they_are_asked_for(config, parses):
    config.write_text(FULL)
    settings = load_settings(config)
    assert settings.source("threads") == f"{config}, line 12"
    passes = len(parses)
    lines = {name: settings.source(name).rpartition(" ")[2] for name in settings.sources}
    assert lines == {
        "theme": "3",
        "model_directories": "4",
        "system": "8",
        "threads": "12",
        "temperature": "13",
        "keys": "15",
        "keys.help": "16",
        "keys.regenerate": "17",
    }
    assert len(parses) == passes <= len(FULL.splitlines()) + 2


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('keys.help = "f5"\nkeys . "copy" = "f6"\n', {("keys",): 1, ("keys", "help"): 1, ("keys", "copy"): 2}),
        ('keys = { help = "f5", copy = "f6" }', {("keys",): 1, ("keys", "help"): 1, ("keys", "copy"): 1}),
        ("[a.b]\nc = 1\n[a]\nd = 2", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 2, ("a", "d"): 4}),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", {("a",): 1, ("a", "b"): 2}),
        ('a = "\u2028"\r\nb = 1\r\n', {("a",): 1, ("b",): 2}),
        ("", {}),
    ],
)
def test_keys_are_found_however_they_are_written(config, text, lines):
    assert TomlFile(config, text).lines == lines


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("thread", "did you mean threads?"),
        ("temprature", "did you mean temperature?"),
        ("zzz", "unknown setting zzz (ignored)."),
    ],
)
def test_unknown_keys_warn_and_suggest(config, name, told):
    config.write_text(f"top_k = 1\n{name} = 3\n")
    (warning,) = load_settings(config).warnings
    assert warning.startswith(f"{config}, line 2: unknown setting {name} (ignored)")
    assert warning.endswith(told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('threads = "four"', "threads is 'four' (must be an integer from 1 to 1024)."),
        ("threads = true", "threads is true (must be an integer"),
        ("threads = 0", "threads is 0 (must be"),
        ("top_p = 1.5", "top_p is 1.5 (must be a number above 0 and at most 1)."),
        ("temperature = nan", "temperature is nan (must be a number from 0 to 5)."),
        ('precision = "int7"', "precision is 'int7' (must be one of auto, float32"),
        ("theme = 3", "theme is 3 (must be a non-empty quoted string)."),
        ('stop = "x"', "stop is 'x' (must be a list of at most 100 quoted strings"),
        ('ban = [""]', "ban is [''] (must be a list of at most 500 quoted strings of at most 200 characters)."),
        (
            "logit_bias = [['a', nan]]",
            "logit_bias is [['a', nan]] (must be a list of at most 500 tokens, by quoted text",
        ),
        ("xtc_threshold = 0", "xtc_threshold is 0 (must be a number above 0 and at most 1)."),
        ("model = []", "model is [] (must be a non-empty quoted string)."),
        ("keys = 1", "keys is 1 (must be a table of actions and keys)."),
        ("keys.help = 7", "keys.help is 7 (must be a quoted key or a list of them)."),
        ("keys.help = []", "keys.help is [] (must be a quoted key"),
    ],
)
def test_wrong_values_name_file_line_and_key(config, line, told):
    config.write_text(f"# first\n{line}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    assert str(caught.value).startswith(f"{config}, line 2: {told}")


def test_what_is_no_toml_names_the_line(config):
    config.write_text("threads = 2\ntheme =\n")
    with pytest.raises(SettingsError, match=r"config\.toml, line 2, is not TOML: Invalid value\.$"):
        load_settings(config)
    config.write_text('threads = 2\nstop = ["a"')
    with pytest.raises(SettingsError, match="is not TOML"):
        load_settings(config)


def test_files_that_cannot_be_settings(config, tmp_path):
    config.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not UTF-8 text"):
        load_settings(config)
    config.write_bytes(b"#" * 1_000_001)
    with pytest.raises(SettingsError, match="larger than 1 MB"):
        load_settings(config)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


def test_a_wrong_flag_is_named():
    with pytest.raises(SettingsError, match=r"--top-k: top_k is -1 \(must be"):
        Settings().with_flags(top_k=-1)


# ---- setting one key in the file


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'theme = "light"\n'),
        ('theme = "dark"\n', 'theme = "light"\n'),
        ("theme = 'dark'  # the best\r\nx = 1\r\n", 'theme = "light"  # the best\r\nx = 1\r\n'),
        ('theme = "a\\" # b" # c\n', 'theme = "light" # c\n'),
        ('# mine\nthreads = 2\n\n# keys\n[keys]\ntheme = "f5"\n',
         '# mine\nthreads = 2\ntheme = "light"\n\n# keys\n[keys]\ntheme = "f5"\n'),
        ('[keys]\nhelp = "f5"', 'theme = "light"\n[keys]\nhelp = "f5"'),
        ("threads = 2", 'threads = 2\ntheme = "light"\n'),
        ('theme = """\nda\\\nrk"""\nx = 1\n', 'theme = "light"\nx = 1\n'),
        ('stop = [\n "a",\n]\n[keys]\n', 'stop = [\n "a",\n]\ntheme = "light"\n[keys]\n'),
    ],
)  # fmt: skip
def test_setting_one_key_leaves_the_rest_as_it_was(config, before, after):
    config.write_bytes(before.encode())
    set_string(config, "theme", "light")
    assert config.read_bytes().decode() == after


WORDS = st.text(alphabet=st.sampled_from("ab #\"'\\=[]\n\u00e9\t"), max_size=8)


@given(
    st.lists(st.tuples(st.sampled_from(["theme", "a", "b.c", '"d e"']), WORDS), unique_by=lambda pair: pair[0]),
    st.booleans(),
    WORDS,
)
def test_whatever_stands_in_the_file_only_that_key_changes(tmp_path_factory, entries, table, value):
    config = tmp_path_factory.mktemp("config") / "config.toml"
    text = "".join(f"{key} = {dumps(word, ensure_ascii=False)} # {key}\n" for key, word in entries)
    config.write_text(text + ('[t]\ntheme = "own"\n' if table else ""), newline="")
    before = TomlFile(config, config.read_text()).values
    set_string(config, "theme", value)
    assert TomlFile(config, config.read_text()).values == {**before, "theme": value}


def test_a_new_file_is_for_its_owner_alone(tmp_path):
    config = tmp_path / "new" / "config.toml"
    set_string(config, "theme", "light")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


def test_an_old_file_keeps_its_mode_and_a_link_stays_one(tmp_path):
    real, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    real.write_text("threads = 2\n")
    real.chmod(0o644)
    link.symlink_to(real)
    set_string(link, "theme", "light")
    assert link.is_symlink()
    assert real.read_text() == 'threads = 2\ntheme = "light"\n'
    assert stat.S_IMODE(real.stat().st_mode) == 0o644


def test_a_file_that_is_no_toml_is_left_alone(config):
    config.write_text("theme =\n")
    with pytest.raises(SettingsError, match="line 1"):
        set_string(config, "theme", "light")
    assert config.read_text() == "theme =\n"
