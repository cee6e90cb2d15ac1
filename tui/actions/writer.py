"""Actions on the writer's page, and on what the model sees of the open session."""

from tui.actions.context import ActionGroup
from tui.conversation.story_text import follow, part
from tui.conversation.tree import Node
from tui.conversation.writer_page import WriterPage
from tui.process.in_thread import in_thread
from tui.services.modes import ids_within
from tui.services.prompt_preview import Preview, preview
from tui.services.session import Session
from tui.storage.store import OPEN_ELSEWHERE

PREVIEW = "Showing the exact prompt"


class WriterActions(ActionGroup):
    """Memory, author's note and lorebooks of the open session, and the preview of its prompt."""

    def writer(self) -> None:
        """Open the writer's page."""
        from tui.screens.writer import WriterScreen  # when first opened: not needed for the first paint

        session = self.current
        if session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
            return

        def keep(page: WriterPage) -> None:
            session.put_page(page)
            self._sessions.save(session)
            self._presenter.refresh()

        def closed(_: None) -> None:
            self._replies.recount(session)

        screen = WriterScreen(session.mode, session.page, keep, lambda: self._preview(session))
        self._app.push_screen(screen, closed)

    def show_context(self) -> None:
        """Show what the model sees: the prompt that the next reply, or more of the last one, would have."""
        self._app.run_worker(self._show(self.current))

    async def _show(self, session: Session) -> None:
        from tui.screens.prompt_preview import PromptPreviewScreen

        tip = session.tree.tip
        found = await self._preview(session)
        if session is not self.current or session.tree.tip != tip:  # it is not what comes next any more
            return
        if isinstance(found, str):
            self._presenter.say(found)
        else:
            self._app.push_screen(PromptPreviewScreen(found, session.mode))

    async def _preview(self, session: Session) -> Preview | str:
        """The prompt, or why there is none."""
        from inference.errors import explained

        model = self._services.models.model(session)
        if model is None:
            return self._services.models.state(session).failed or self._services.models.lacking(session, PREVIEW)
        context, variables = self._services.models.context(session), self._services.sampling.variables(session)
        try:
            twin, path = self._next(session)
            background = await self._replies.background(twin, path)
            async with self._replies.turn:
                return await in_thread(preview, twin, path, model, context, variables, background)
        except Exception as error:
            return str(explained(error))

    def _next(self, session: Session) -> tuple[Session, list[Node]]:
        """A copy of the session, and the path that its next prompt is made of."""
        if session is self.current:
            self._presenter.collect()
        twin = Session(session.conversation.copy())
        if session.reply is not None:  # the prompt of the reply that is being written
            return twin, twin.tree.path(session.reply.node_id)[: None if session.reply.seed_text else -1]
        pane = self._screen.pane_of(session)
        if session.mode == "story" and pane is not None:
            within = ids_within(twin, self._services.models.model(session))
            follow(twin.tree, pane.text, within)
            part(twin.tree, len(pane.before_cursor), within)
            twin.put_draft("")
        elif session.mode == "chat":
            typed = self._screen.composer.whole.strip() if session is self.current else ""
            if typed or not len(twin.tree):
                twin.tree.add("user", typed)
        return twin, twin.tree.path()
