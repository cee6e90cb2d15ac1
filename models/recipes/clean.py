"""Text cleaning: pure functions of strings."""

from __future__ import annotations

import re

# UTF-8 misread as Windows-1252. The closing double quote comes last: its third character was lost.
_MISREAD = {"â€œ": '"', "â€™": "'", "â€˜": "'", "â€¦": "...", "â€”": "--", "â€“": "-", "â€": '"'}
_TYPOGRAPHY = {
    **dict.fromkeys("“”„«»″", '"'),
    **dict.fromkeys("‘’‚`´′", "'"),
    "…": "...",
    "—": "--",
    "–": "-",
    "\u00a0": " ",
    "\u200b": "",
    "\ufeff": "",
    "\r": "",
    "\t": " ",
}
_NAME = "[A-Z][a-z]+"
_STORY_OPENING = re.compile(
    r"(?:Once upon a time|Once,? there (?:was|were|lived)|Once,? an? |There once was|There was once|One day, an? )"
)
# Introductions of characters; with new names they begin a new story.
_HERO_OPENING = re.compile(
    rf"(?P<first>{_NAME})(?: and (?P<second>{_NAME}))? "
    r"(?:(?:liked?|loved?|likes|loves) (?:to|the)\b"
    r"|(?:was|were|is|are) (?:an? |playing|twins|friends|good friends|best friends|brother|sister|siblings|in the))"
)
_SENTENCE_END = re.compile(r"(?:[.!?][\"')]*|\bThe End)$", re.IGNORECASE)


def straighten(text: str) -> str:
    """Normalise quotes, dashes and spaces."""
    for wrong, right in _MISREAD.items():
        text = text.replace(wrong, right)
    text = text.translate(str.maketrans(_TYPOGRAPHY))
    text = re.sub(r" {2,}", " ", text)
    text = re.sub(r" *\n *", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def unwrap(text: str) -> str:
    """Join hard-wrapped lines; empty lines still end paragraphs."""
    paragraphs = (" ".join(paragraph.split("\n")) for paragraph in re.split(r"\n{2,}", text))
    return "\n\n".join(paragraph.strip() for paragraph in paragraphs if paragraph.strip())


def without_title(text: str) -> str:
    """Remove a first paragraph that is a heading: short and not a sentence."""
    heading, _, body = text.partition("\n\n")
    is_heading = body and len(heading) < 80 and (not ends_a_sentence(heading) or heading.istitle())
    return body.strip() if is_heading else text


def ends_a_sentence(text: str) -> bool:
    """True if the text ends with the end of a sentence."""
    return _SENTENCE_END.search(text) is not None


def split_stories(text: str) -> list[str]:
    """Split an item into stories.

    Joined items were cut from a longer file: text before the first opening, and a last story of a single paragraph,
    are incomplete and dropped.
    """
    paragraphs = text.split("\n\n")
    stories: list[list[str]] = [[paragraphs[0]]]
    for paragraph in paragraphs[1:]:
        if _opens_another(paragraph, "\n\n".join(stories[-1])):
            stories.append([paragraph])
        else:
            stories[-1].append(paragraph)
    if len(stories) == 1:
        return [text]
    if not _STORY_OPENING.match(stories[0][0]) and not _HERO_OPENING.match(stories[0][0]):
        stories = stories[1:]
    if len(stories[-1]) == 1:
        stories = stories[:-1]
    return ["\n\n".join(story) for story in stories]


def _opens_another(paragraph: str, story: str) -> bool:
    if re.match(r"Once upon a time|Once,? there was", paragraph):
        return True
    hero = _HERO_OPENING.match(paragraph)
    if hero is None or len(story) < 300:
        return False
    return not any(re.search(rf"\b{name}\b", story) for name in hero.groups() if name)


def fingerprint(text: str) -> str:
    """Lower-case letters and digits only, for finding duplicates."""
    return re.sub(r"[^a-z0-9]+", "", text.lower())
