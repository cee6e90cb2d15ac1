"""What a user may write for a model on a server, and for the servers in config.toml."""

from pathlib import Path

import pytest

from tui.config.errors import SettingsError
from tui.config.remotes import NO_KEYS, NO_SECRETS, Address, RemoteServer, host_of, is_remote, server_of
from tui.config.settings import load_settings
from tui.conversation.speakers import model_name

SECRET = "sk-very-secret"


@pytest.mark.parametrize(
    ("text", "url", "model"),
    [
        ("http://host:8000/v1#name", "http://host:8000/v1", "name"),
        ("HTTPS://Host/v1/#org/name", "https://host/v1", "org/name"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1", ""),
        ("  http://host  ", "http://host", ""),
        ("http://host/v1#a b#c", "http://host/v1", "a b#c"),
    ],
)
def test_addresses(text: str, url: str, model: str) -> None:
    address = Address.parse(text)
    assert (address.url, address.model) == (url, model)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host:8000",
        "ftp://host",
        "http://",
        "http://ho st/",
        "http://host:port/",
        "http://host:99999/v1",
        "http://[::1",
        "http://höst/",
        "http://host/\r\nX: y",
        "http://host/v1#\x1b[31m",
        f"http://{'h' * 2000}",
        f"http://h#{'n' * 400}",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(SettingsError):
        Address.parse(text)


@pytest.mark.parametrize(
    "text", [f"http://me:{SECRET}@host/v1#n", f"http://{SECRET}@host/v1", f"https://host/v1?key={SECRET}#n"]
)
def test_secrets_in_a_url_are_refused_and_not_repeated(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        Address.parse(text)
    assert str(raised.value) == NO_SECRETS
    (tmp_path / "config.toml").write_text(f'chat_model = "{text}"\n')
    with pytest.raises(SettingsError) as raised:
        load_settings(tmp_path / "config.toml")
    assert str(raised.value) == f"{tmp_path / 'config.toml'}, line 1: {NO_SECRETS}"


def test_names_of_models() -> None:
    assert model_name("http://host:8000/v1#org/name") == "name"
    assert model_name("http://host:8000/v1") == "host:8000"
    assert model_name("org/name") == "name"
    assert host_of("http://Host:8000/v1#x") == "host:8000" and host_of("org/name") == "" and not is_remote("httpd")
    assert host_of("http://a:b@c/") == "a server"


def test_servers_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        'model = "http://one:8000/v1/#a"\n[[remotes]]\nurl = "http://One:8000/v1/"\nmodels = ["a", "org/b"]\n'
        'key_file = "/keys/one"\n[[remotes]]\nurl = "https://two/v1"\nkey_variable = "TWO_KEY"\n'
    )
    settings = load_settings(file)
    one = RemoteServer("http://one:8000/v1", ("a", "org/b"), Path("/keys/one"))
    two = RemoteServer("https://two/v1", key_variable="TWO_KEY")
    assert settings.remotes == (one, two) and settings.chat_model == settings.story_model == "http://one:8000/v1#a"
    assert server_of("https://two/v1", settings.remotes) == two
    for other in ("http://two/v1", "https://two/v1/x", "https://two:444/v1", "https://two.evil/v1"):
        assert server_of(other, settings.remotes) == RemoteServer(other), "a key goes to its own server alone"
    assert settings.with_flags(top_k=3).remotes == (one, two)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (f'url = "http://h/v1"\nkey = "{SECRET}"', NO_KEYS),
        (f'url = "http://h/v1"\napi_key = "{SECRET}"', NO_KEYS),
        (f'url = "http://h/v1"\nkey_variable = "{SECRET}"', "must be the name of an environment variable"),
        (f'url = "http://u:{SECRET}@h/v1"', NO_SECRETS),
        ('models = ["a"]', "each server needs a url"),
        ('url = "http://h/v1#name"', "the url must end before the #"),
        ('url = "http://h/v1"\nmodels = "a"', "models must be a list of quoted strings"),
        ('url = "http://h/v1"\nmodels = ["\\u001b"]', "printable characters"),
        ('url = "http://h/v1"\nkey_file = 3', "key_file must be a quoted path"),
        ('url = "http://h/v1"\nkey_file = "f"\nkey_variable = "V"', "either key_file or key_variable"),
        ('url = "http://h/v1"\nmodel = "a"', "unknown setting model (there are url, models, key_file, key_variable)"),
    ],
)
def test_wrong_servers_are_sentences_without_secrets(tmp_path: Path, table: str, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"top_k = 3\n[[remotes]]\n{table}\n")
    with pytest.raises(SettingsError) as raised:
        load_settings(file)
    assert said in str(raised.value) and str(raised.value).startswith(f"{file}, line 2: ")
    assert SECRET not in str(raised.value)
    file.write_text(f'remotes = "{SECRET}"\n')
    with pytest.raises(SettingsError) as raised:
        load_settings(file)
    assert SECRET not in str(raised.value)
