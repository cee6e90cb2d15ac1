"""Sessions with given answers, and reading them."""

import time

from textual.pilot import Pilot

from tests.stubs.conversations import answered, save
from tests.tui.conftest import app_of, ready
from tui.conversation.conversation import Conversation

CODE = """Two ways:

```python
total = sum(numbers)
```

or, *slower*:

```
for n in numbers:
    total += n
```
"""
THOUGHT = "<think>They greet me.\nI greet back.</think>\nHello **you**!"


def talk(*answers: str) -> str:
    """The id of a session with these answers."""
    conversation = Conversation(title="Talk", updated=time.time())
    for number, answer in enumerate(answers):
        answered(conversation, f"question {number}", answer)
    save(conversation)
    return conversation.id


async def read(pilot: Pilot[None], session_id: str) -> None:
    """With the focus on its messages."""
    await ready(pilot)
    app_of(pilot).actions.application.open(session_id)
    await pilot.pause()
    await pilot.press("escape")
