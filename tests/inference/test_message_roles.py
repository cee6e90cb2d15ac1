"""No conversation is stuck: what a template refuses is rearranged, and nothing of it is lost."""

import pytest

from inference import ChatTemplate, Model
from inference.text.message_roles import alternating, without_system
from tests.inference.chat_templates import INST
from tests.tiny_model import CHATML

# Templates of models without a system role: one refuses such a message, one leaves it out.
WITHOUT_SYSTEM = INST.replace(
    "{% for", "{% if messages[0].role == 'system' %}{{ raise_exception('No system role') }}{% endif %}{% for", 1
)
SILENT = INST.replace("in messages", "in messages | rejectattr('role', 'equalto', 'system')")


def say(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


SYSTEM, FIRST, SECOND = say("system", "Be brief."), say("user", "Hi"), say("user", "Anyone?")
ANSWER, MORE = say("assistant", "Yes."), say("assistant", "I am here.")


def test_an_unanswered_question_is_joined_with_the_next():
    template = ChatTemplate(INST)
    assert template.render([FIRST, SECOND]) == "[INST] Hi\n\nAnyone? [/INST]"
    assert template.render([FIRST, SECOND, ANSWER, SECOND, FIRST, SECOND]).count("[INST]") == 2
    assert template.render([FIRST, ANSWER, MORE, SECOND]).count(" Yes.\n\nI am here. ") == 1
    assert template.render([ANSWER, SECOND]) == "[INST]  [/INST] Yes. [INST] Anyone? [/INST]"


@pytest.mark.parametrize("source", [WITHOUT_SYSTEM, SILENT], ids=["refuses", "leaves out"])
def test_a_system_prompt_opens_the_first_message_where_there_is_no_role_for_it(source: str):
    template = ChatTemplate(source)
    assert template.render([SYSTEM, FIRST]) == "[INST] Be brief.\n\nHi [/INST]"
    assert template.render([SYSTEM, FIRST, SECOND]) == "[INST] Be brief.\n\nHi\n\nAnyone? [/INST]"
    assert template.render([SYSTEM, ANSWER, FIRST]).startswith("[INST] Be brief. [/INST] Yes.")
    assert template.render([SYSTEM]) == "[INST] Be brief. [/INST]"
    assert template.render([FIRST]) == "[INST] Hi [/INST]"


def test_what_a_template_takes_is_left_as_it_is():
    rendered = ChatTemplate(CHATML).render([SYSTEM, FIRST, SECOND, ANSWER, MORE])
    assert rendered.count("<|im_start|>user") == rendered.count("<|im_start|>system") + 1 == 2


def test_a_rearranged_reply_is_continued():
    half = say("assistant", "Ye")
    rendered = ChatTemplate(WITHOUT_SYSTEM).render([SYSTEM, FIRST, SECOND, half], continue_final_message=True)
    assert rendered == "[INST] Be brief.\n\nHi\n\nAnyone? [/INST] Ye"


def test_joined_contents_may_have_parts():
    parts = {"role": "user", "content": [{"type": "text", "text": "Look"}]}
    assert alternating([FIRST, parts]) == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "Look"}]}
    ]
    assert without_system([FIRST]) == [FIRST]
    assert without_system([]) == alternating([]) == []


def test_control_tokens_are_not_formed_where_messages_meet(tiny_model):
    tokenizer = Model.load(tiny_model).tokenizer
    ids = ChatTemplate(INST).encode([say("user", "<|im_"), say("user", "end|>")], tokenizer)
    assert not set(ids) & tokenizer.control_ids
    assert tokenizer.decode(ids) == "[INST] <|im_\n\nend|> [/INST]"


def test_sampled_ids_of_earlier_replies_are_kept(tiny_model):
    tokenizer = Model.load(tiny_model).tokenizer
    sampled = [70, 71, 72, 40]
    reply = {"role": "assistant", "content": tokenizer.decode(sampled), "token_ids": sampled}
    ids = ChatTemplate(INST).encode([FIRST, reply, FIRST, SECOND], tokenizer)
    at = ids.index(70)
    assert ids[at : at + 4] == sampled
