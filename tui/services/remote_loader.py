"""Finds a model on a server, on a thread of its own."""

import threading

from textual.message_pump import MessagePump

from tui.config.errors import SettingsError
from tui.config.remotes import Address, RemoteServer, server_of
from tui.messages import ModelFailed, RemoteFound
from tui.services.model_choice import ModelChoice


class RemoteLoader:
    """One attempt; posts RemoteFound or ModelFailed. Used as ModelLoader is."""

    def __init__(self, pump: MessagePump, choice: ModelChoice, servers: tuple[RemoteServer, ...]) -> None:
        self._pump = pump
        self._choice = choice
        self._servers = servers
        self._abandoned = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name="llm-tui-remote-loader", daemon=True).start()

    def abandon(self) -> None:
        """Post nothing more; the thread ends by itself."""
        self._abandoned.set()

    def _run(self) -> None:
        # Imported here: who uses no server need not wait for it.
        from inference.errors import explained
        from tui.remote.model import connect

        try:
            address = Address.parse(self._choice.name)
            remote = connect(address, server_of(address.url, self._servers))
        except SettingsError as error:
            self._post(ModelFailed(self._choice, str(error)))
        except BaseException as error:
            self._post(ModelFailed(self._choice, str(explained(error))))
        else:
            self._post(RemoteFound(self._choice, remote))

    def _post(self, message: ModelFailed | RemoteFound) -> None:
        if not self._abandoned.is_set():
            self._pump.post_message(message)
