"""The guide's exam: each question passes a right answer and fails wrong ones, other questions' answers among them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import Engine, Model
from models.recipes.guide import exam
from models.recipes.guide.exam import Exam, Mark, Question, Reply, load_exam, score

EXAM = load_exam()
QUESTIONS = {question.ask: question for question in [*EXAM.in_scope, *EXAM.out_of_scope]}

RIGHT = {
    "How do I open the command palette?": ["Press Ctrl+P.", "With ctrl-p, from anywhere."],
    "which key starts a new chat": ["Ctrl+N starts a new one.", "Press **Ctrl+N**."],
    "Is there a list of all the shortcuts somewhere?": ["Yes: F1 lists every key.", "Press `F1` for help."],
    "how can i renmae this session": ["Press F2, type the new title and press Enter."],
    "how do I quit": ["Ctrl+Q quits.", "Press Ctrl+C twice, or Ctrl+Q.", "Press Ctrl+C twice."],
    "what does ctrl+t do?": ["It switches between chat and story."],
    "how do i put a line break in a message without sending it": [
        "Press Ctrl+J. Shift+Enter works too where the terminal can send it; Enter alone sends.",
    ],
    "How can I put a text file from my disk into the message?": ["Type `/file PATH` in the input.", "/file notes.txt"],
    "if i stop a reply halfway, do i lose what was already written?": [
        "No. Esc stops the reply and keeps what is there; c continues it.",
        "Nothing is lost: the partial reply stays in the conversation.",
    ],
    "What does Esc do when nothing is being generated?": ["It moves to the messages."],
    "how do I go back to an earlier turn?": [
        "Press Esc to go to the messages, choose one with j and k, then press u to roll back to it.",
        "Choose the message and press `u`.",
    ],
    "How do I copy a reply?": ["Choose the message and press y. Y copies a code block."],
    "I only want the code out of an answer, not the text around it.": ["Press Y on the message: it copies the code."],
    "After regenerating, how do I get back to the first version of the reply?": [
        "[ and ] walk between the versions.",
        "Press `[` on the message.",
    ],
    "which keys move up and down between messages?": ["j and k; g and G go to the first and the last."],
    "How can I look for a word in the conversation I'm reading?": ["Press Esc, then press / to find it.", "The / key."],
    "when i edit one of my messages, is the old version overwritten": ["No, it is kept: [ and ] walk between them."],
    "in story mode, which key makes the model write on?": ["F5, or Ctrl+Enter where the terminal can send it."],
    "The story took a stupid turn. How do I take back what the model just wrote?": [
        "Ctrl+Z takes it back in one step."
    ],
    "Can two chats be answered at the same time?": ["Yes, several sessions stream at once."],
    "you seem rather small. how can I use a bigger model instead of you?": [
        "Press F4 and choose one, or run `llm-tui pull ORG/NAME` and then `llm-tui --model ORG/NAME`.",
    ],
    "do I lose my chats when I switch to another model": ["No. Switching models keeps the sessions."],
    "Which precisions can I choose from?": ["auto, float32, bfloat16, float16, int8 and int4."],
    "how do i start the program with 4 bit weights": ["`llm-tui --precision int4`"],
    "Can I ask a single question from the shell, without opening the whole interface?": [
        'Yes: llm-tui chat "how is the weather?" prints one answer.',
    ],
    "I need one session as a web page, please give me the command.": ["llm-tui export ID --format html"],
    'What does "reused 580" at the bottom mean?': ["580 tokens were already in the cache and not computed again."],
    "Does copying work when I'm logged in over SSH?": ["Yes. It uses OSC 52, which reaches your own clipboard."],
    "Where do I change the temperature?": ["F6 opens the sampling settings."],
    "Is anything I type sent to a server?": ["No. The model runs in this program and nothing leaves this machine."],
    "can I pipe a log file into it and ask what's wrong": ['Yes: `cat log.txt | llm-tui chat "what is wrong?"`'],
    "What does exit code 130 mean?": ["The command was interrupted."],
    "I have about a dozen sessions open. What's the quickest way to jump to another one?": ["Ctrl+O switches session."],
    "I remember talking about sourdough last week but not in which chat. How do I find it?": [
        "F3 searches all of them."
    ],
    "What is F4 for?": ["It opens the model picker."],
    "Which key opens the sampling settings?": ["F6."],
    "the list of sessions on the left takes too much room, can I hide it?": ["Yes, F9 hides and shows the sidebar."],
    "How do I send my message?": ["Press Enter."],
    "Can I get back the message I typed before, like in a shell?": ["Yes: Up and Down walk through the history."],
    "What does Ctrl+R do while I'm typing?": ["It searches the history of what you sent."],
    "I'd rather write long prompts in vim. Possible?": ["Yes. Ctrl+G opens the input in $EDITOR."],
    "can i paste several lines of text into the input?": ["Yes, a paste stays in one piece and is not sent."],
    "Shift+Enter just sends the message in my terminal. What else can I press for a new line?": [
        "Ctrl+J works everywhere."
    ],
    "The reply goes on and on. How do I stop it?": ["Press Esc or Ctrl+C. What is written is kept."],
    "what happens if I press ctrl-c two times": ["The program quits."],
    "My connection dropped in the middle of an answer. Is the answer gone?": [
        "No, it is written to disk as it streams."
    ],
    "I asked my question badly. Can I change it and get a new answer, without losing the old one?": [
        "Yes: choose your message and press e. The old one stays as a sibling; [ and ] walk between them.",
    ],
    "I don't like this answer, how can I get a different one to the same question": ["Choose it and press r."],
    "What does f do on a message?": ["f forks the conversation into a new session."],
    "the answer was cut off when i stopped it. how do i let the model finish it?": [
        "Press Esc, then c to continue it."
    ],
    "If I scroll up to read while the model is writing, will the view jump back to the bottom?": [
        "No. The view follows the end only while it is at the end.",
    ],
    "How do I get to story mode?": ["Ctrl+T switches between chat and story."],
    "I undid too much in my story, how do I redo?": ["Ctrl+Y."],
    "What do F7 and F8 do?": ["In story mode they walk the alternatives from the same point."],
    "Why is part of my story in another colour?": ["That is the generated text; the tint goes with your next edit."],
    "if I continue from the middle of the text, what becomes of the part after the cursor?": [
        "It is kept as an alternative."
    ],
    "how do i get yet another version of the last bit of the story?": ["F8 on the last alternative asks for another."],
    "does a reply stop when i switch to another session while it's still writing": ["No, it never stops one."],
    "I deleted a session by mistake!! Can I get it back?": ["Yes, deleting can be undone."],
    "What do the little marks in front of the sessions mean?": ["The state: idle, queued, streaming or unread."],
    "In which order does the sidebar list my sessions?": ["By last use."],
    "i never gave my chat a name, where does its title come from?": ["From your first message. F2 renames it."],
    "Can I pin a session?": ["Yes, from the palette (Ctrl+P)."],
    "How do I download a model from Hugging Face?": ["llm-tui pull ORG/NAME, or from the picker on F4."],
    "Where does the model picker look for models?": [
        "Built-in models, your directories, ~/.cache/huggingface/hub and the download directory.",
    ],
    "How can I tell whether a model will fit into my memory before I load it?": [
        "The picker (F4) shows the memory each needs at each precision and whether it will fit.",
    ],
    "loading this model takes ages, can i cancel": ["Yes, loading can be cancelled."],
    "What models come with the program?": ["Two small ones: guide for chat and story for stories."],
    "I have a model in a folder on my disk. How do I start llm-tui with it?": ["llm-tui --model DIR"],
    "The model does not fit into memory. What can I do?": ["Use a lower precision: `--precision int8` or int4."],
    "what does int8 mean?": ["The weights are kept in 8 bits each, which needs less memory."],
    "How do I have a story written straight to the terminal?": ['`llm-tui story "Once upon a time" --max-tokens 200`'],
    "which command measures how fast a model runs here": ["llm-tui bench MODEL"],
    "list my sessions from the shell?": ["llm-tui sessions"],
    "I want llm-tui chat to continue an existing session. Which option?": ['llm-tui chat "and then?" --session NAME'],
    "How do I give a system prompt on the command line?": ['llm-tui chat "hello" --system "Be brief."'],
    "where can i see which themes there are, and how do i start with one of them": [
        "`llm-tui themes` lists them; `llm-tui --theme NAME` starts with one.",
    ],
    "Something is odd with my installation. Is there a command that checks it?": ["Yes, llm-tui doctor."],
    "How do I export a conversation?": ["llm-tui export ID --format md; llm-tui sessions shows the IDs."],
    "what formats can a session be exported to": ["md, json and html."],
    "I exported a chat on my laptop. How do I get it into llm-tui on the server?": ["llm-tui import FILE"],
    "Where are my settings stored?": ["In a TOML file in the XDG config directory."],
    "can i change the keys?": ["Yes, every key can be remapped in the config file."],
    "Where does llm-tui keep my conversations?": ["In a database in the XDG data directory."],
    "Can other users of this server read my chats?": ["No, the files can be read by you alone (0600)."],
    "what is tok/s": ["Tokens per second: how fast the model writes."],
    "The bar says context 612/2048. What are these numbers?": ["612 tokens are used of the 2048 that fit."],
    "What does first token 38 ms tell me?": ["How long it took until the first token of the reply came."],
    "what does KV 14 MB mean in the status line?": ["The memory that the KV cache of this session takes."],
    "I'm inside tmux on a remote box, will y still reach my clipboard?": ["Yes, inside tmux it is wrapped for it."],
    "my terminal doesnt support clipboard copy at all. is there another way to get a reply out?": [
        "Yes, save it to a file instead.",
    ],
    "how do i get exactly the same answer every time?": ["Set a seed on F6, or the temperature to 0."],
    "Which sampling settings are there?": [
        "Temperature, top-k, top-p, min-p, repetition penalty, seed, max tokens and stop strings.",
    ],
    "Does the model read the whole conversation again each time I send something?": [
        "No, what is unchanged is reused."
    ],
    "When a chat gets too long for the model, will the beginning be dropped without telling me?": [
        "No, nothing is ever cut silently.",
    ],
    "How are the thoughts of a reasoning model shown?": ["They are folded, and shown on demand."],
    "is the <think> part sent back to the model in later turns": ["No, it is left out, as the template says."],
    "does it work without internet": ["Yes. Only llm-tui pull needs the network."],
    "Do I need a graphics card or something like Ollama running beside it?": [
        "No, the model runs on the CPU, inside llm-tui."
    ],
    "How can my script notice that an llm-tui command failed?": ["It exits with code 1 and a sentence on stderr."],
    "What is the capital of Australia?": [
        "I'm a small model and only know this program. F4 loads a larger one.",
        "Sorry, I can't answer that. Try a larger model: `llm-tui pull ORG/NAME`.",
    ],
}

WRONG = {
    "How do I open the command palette?": ["Press Ctrl+O.", "Press Ctrl+P or F10.", "I don't know. Try Ctrl+P."],
    "Is there a list of all the shortcuts somewhere?": ["Press F1 or `?`."],
    "how do I quit": ["Press q.", "Ctrl+Q or F10.", "Press Ctrl+C.", "Run llm-tui stop, or press Ctrl+Q."],
    "what does ctrl+t do?": ["It opens the theme picker.", "It opens a new tab for a story."],
    "How can I put a text file from my disk into the message?": [
        "Type /open PATH.",
        "Type /file or /attach and the path.",
    ],
    "if i stop a reply halfway, do i lose what was already written?": ["Yes, it is thrown away.", "It is lost."],
    "how do I go back to an earlier turn?": ["Press r.", "Press u or Ctrl+Z.", "Press Backspace, then u.", "Press U."],
    "How do I copy a reply?": ["Press Y.", "Press y or F5."],
    "I only want the code out of an answer, not the text around it.": ["Press y."],
    "in story mode, which key makes the model write on?": ["Press Enter.", "F5 or F6."],
    "do I lose my chats when I switch to another model": ["Yes."],
    "Which precisions can I choose from?": ["float32, float16, int8, int4 and int2.", "float32 and float16."],
    "you seem rather small. how can I use a bigger model instead of you?": [
        "Run `llm-tui download ORG/NAME`, not pull."
    ],
    "how do i start the program with 4 bit weights": ["llm-tui --quantize int4", "llm-tui --precision int4 --fast"],
    "Is anything I type sent to a server?": [
        "Yes, to make the answers better.",
        "It is sent to our server. No worries.",
    ],
    "What is the capital of Australia?": [
        "Canberra.",
        "I'm small, but I know it is Canberra.",
        "I can't say. F9 loads a larger model.",
        "Press F5 to continue.",
    ],
}


def pairs(answers: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(ask, answer) for ask, several in answers.items() for answer in several]


@pytest.mark.parametrize(("ask", "answer"), pairs(RIGHT))
def test_right_answer_passes(ask: str, answer: str) -> None:
    assert score(answer, QUESTIONS[ask]) == []


@pytest.mark.parametrize(("ask", "answer"), pairs(WRONG))
def test_wrong_answer_fails(ask: str, answer: str) -> None:
    assert score(answer, QUESTIONS[ask])


@pytest.mark.parametrize(("ask", "answer"), pairs(RIGHT))
def test_a_wrong_key_or_command_spoils_a_right_answer(ask: str, answer: str) -> None:
    assert score(answer + " Or press F11.", QUESTIONS[ask]) == ["must not name the key F11"]
    assert score(answer + " Or use --turbo.", QUESTIONS[ask]) == ["must not name the command --turbo"]


def test_no_question_is_passed_by_silence_or_by_declining() -> None:
    for question in [*EXAM.in_scope, *(turn for talk in EXAM.conversations for turn in talk)]:
        assert score("", question)
        assert score("Sorry, I can't answer that: I'm only a small model. F4 loads a larger one.", question)


def test_one_kind_decline_passes_every_question_out_of_scope() -> None:
    for question in EXAM.out_of_scope:
        assert score("I'm a small model and only know llm-tui. Press F4 to load a larger one.", question) == []
        assert score("Sure! It is 42.", question)


def test_naming_every_key_passes_nothing() -> None:
    everything = "Ctrl+P Ctrl+N Ctrl+O Ctrl+T F1 F2 F3 F4 F5 F6 F7 F8 F9 Ctrl+Q Ctrl+J Ctrl+R Ctrl+G Esc u e r f c y Y"
    assert all(score(everything, question) for question in EXAM.in_scope)


@pytest.mark.slow
def test_answers_to_other_questions_fail() -> None:
    """Some pairs of questions are close ("which key opens sampling", "where is the temperature"), but they are few."""
    strangers = [
        (question.ask, answer)
        for question in EXAM.in_scope
        for ask, answer in pairs(RIGHT)
        if ask != question.ask and not score(answer, question)
    ]
    assert len(strangers) < 0.01 * len(EXAM.in_scope) * len(pairs(RIGHT))


def test_exam_is_complete_and_consistent() -> None:
    assert {question.ask for question in EXAM.in_scope} <= RIGHT.keys()
    assert (len(EXAM.in_scope), len(EXAM.out_of_scope)) == (100, 20)
    assert len(QUESTIONS) == 120
    assert all(len(talk) == 3 for talk in EXAM.conversations)
    for question in EXAM.in_scope:
        wanted = {pattern.removeprefix("key:") for group in question.expect for pattern in group if "key:" in pattern}
        assert wanted <= question.keys, question.ask


@given(st.text())
def test_any_text_can_be_scored(text: str) -> None:
    for question in (EXAM.in_scope[0], EXAM.out_of_scope[0]):
        assert all(isinstance(reason, str) for reason in score(text, question))


def small_exam() -> Exam:
    return Exam(EXAM.in_scope[:2], EXAM.out_of_scope[:1], EXAM.conversations[:1], (("hi",), ("and you?",)))


def answering(messages: list[dict[str, str]]) -> Reply:
    """A candidate that knows the palette, declines well, and gets the last turn of the conversation wrong."""
    by_question = {
        "How do I open the command palette?": "Ctrl+P",
        "What is the capital of Australia?": "I only know this program.",
        "How do I make the story go on?": "Press F5.",
        "and how do I undo that?": "Ctrl+Z",
    }
    return Reply(by_question.get(messages[-1]["content"], "F11"), ended=True)


def test_report_shows_what_failed_and_ends_with_the_summary() -> None:
    lines = exam.report(exam.take(small_exam(), answering)).splitlines()
    assert lines[-1] == "in scope 1/2, declined 1/1, conversations 0/1, fifth turn 1/2"
    assert "[anywhere] which key starts a new chat" in lines
    assert "  - must not name the key F11" in lines
    assert not any("capital" in line for line in lines)


def test_json_report_counts_the_same() -> None:
    result = json.loads(exam.as_json(exam.take(small_exam(), answering)))
    assert result["in scope"] == {"right": 1, "of": 2}
    assert [failure["ask"] for failure in result["failed"]] == [
        "which key starts a new chat",
        "and if I want it back after all?",
        "which key starts a new chat",
    ]


def test_a_follow_up_is_asked_with_the_turns_before_it() -> None:
    asked: list[list[str]] = []

    def listen(messages: list[dict[str, str]]) -> Reply:
        asked.append([message["role"] for message in messages])
        return Reply("Ctrl+Z", ended=True)

    marks: list[Mark] = list(exam.examine(EXAM.conversations[0], listen, system="Be kind."))
    assert asked[2] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert [not mark.reasons for mark in marks] == [False, True, False]


def test_each_question_is_asked_again_as_the_fifth_turn_of_one_conversation() -> None:
    asked: list[list[str]] = []

    def listen(messages: list[dict[str, str]]) -> Reply:
        asked.append([message["content"] for message in messages if message["role"] != "assistant"])
        return Reply("Ctrl+P", ended=True)

    marks = list(exam.examine_later(EXAM.in_scope[:2], EXAM.beginnings[0], listen, system="Be kind."))
    assert [each[-1] for each in asked] == [*EXAM.beginnings[0], *(question.ask for question in EXAM.in_scope[:2])]
    assert asked[4][:-1] == asked[5][:-1] == ["Be kind.", *EXAM.beginnings[0]]
    assert [not mark.reasons for mark in marks] == [True, False]
    assert {len(said) for said in EXAM.beginnings} == {4} and len(EXAM.beginnings) == 5


def test_a_right_answer_that_never_ends_is_wrong() -> None:
    (mark,) = exam.examine(EXAM.in_scope[:1], lambda messages: Reply("Press Ctrl+P.", ended=False), None)
    assert mark.reasons == ("does not end within 200 tokens and the context",)


def test_engine_takes_the_exam(tiny_model: Path) -> None:
    with Engine(Model.load(tiny_model)) as engine:
        results = exam.take(small_exam(), exam.asking(engine.new_session()))
    marks = [mark for part in results.values() for talk in part for mark in talk]
    assert len(marks) == 8
    assert any(mark.answer for mark in marks)


def test_missing_model_is_told_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exam.main([str(tmp_path / "nowhere")]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nowhere" in captured.err and "Traceback" not in captured.err


def test_questions_can_be_narrowed_without_touching_the_exam() -> None:
    question: Question = replace(EXAM.in_scope[0], keys=frozenset())
    assert score("Press Ctrl+P.", question) == ["must not name the key Ctrl+P"]
