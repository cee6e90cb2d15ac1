"""What cleaning does to text as it is found."""

import random

from models.recipes import clean
from models.recipes.names import BOYS, GIRLS, renamed

TIMMY = (
    "Timmy had a black cat named Mittens. Mittens was very soft and cuddly, and liked to sleep in the sun all day. " * 3
)


def test_quotes_become_straight_also_those_misread_as_windows_1252() -> None:
    assert clean.straighten("“Don’t,” said Tom — â€œwhy notâ€™\u00a0?â€") == '"Don\'t," said Tom -- "why not\' ?"'


def test_spaces_at_line_ends_and_further_empty_lines_go() -> None:
    assert clean.straighten(" One.  Two. \n \n\n Three.\n") == "One. Two.\n\nThree."


def test_wrapped_lines_are_joined_and_paragraphs_stay() -> None:
    assert (
        clean.unwrap("Goat and Dog\nwent on a\njourney.\n\nThey came\nback.")
        == "Goat and Dog went on a journey.\n\nThey came back."
    )


def test_a_heading_goes_and_a_short_first_sentence_stays() -> None:
    assert clean.without_title("Goat, Dog, and Cow\n\nThey were friends.") == "They were friends."
    assert clean.without_title("It was night.\n\nAll slept.") == "It was night.\n\nAll slept."


def test_joined_stories_are_split_at_an_opening() -> None:
    first, second = f"Once upon a time, there was a boy. {TIMMY}", f"Once upon a time, there was a fish.\n\n{TIMMY}"
    assert clean.split_stories(f"{first}\n\n{second}") == [first, second]


def test_a_pair_opens_another_story_only_if_the_names_are_new() -> None:
    story = f"Lily and Ben were friends. {TIMMY}"
    same, other = "Lily and Ben were playing again.\n\nThe end.", "Tom and Mia were playing.\n\nThe end."
    assert clean.split_stories(f"{story}\n\n{same}") == [f"{story}\n\n{same}"]
    assert clean.split_stories(f"{story}\n\n{other}") == [story, other]


def test_torn_pieces_of_joined_stories_are_left_out() -> None:
    middle = f"Once upon a time, there was a boy. {TIMMY}\n\nThe end."
    torn_end = "Once upon a time, there was a hen. She had a plan."
    assert clean.split_stories(f"They all went home.\n\n{middle}\n\n{torn_end}") == [middle]


def test_a_sentence_end_may_stand_inside_quotes() -> None:
    assert clean.ends_a_sentence('He said, "Yes!"')
    assert clean.ends_a_sentence("The End")
    assert not clean.ends_a_sentence("She gave him her")


def test_fingerprints_ignore_spacing_and_punctuation() -> None:
    assert clean.fingerprint("Hello, World!\n") == clean.fingerprint("hello world") == "helloworld"


def test_a_story_told_again_keeps_who_is_who() -> None:
    story = "Lily met Tim. Tim and Lily saw Lily's cat Timid. Sue smiled."
    girl, boy = (told := renamed(story, random.Random(5)).replace(".", "").replace("'s", "").split())[0], told[2]
    assert girl in GIRLS and boy in BOYS
    assert not {"Lily", "Tim", "Sue"} & set(told)
    assert told[:-2] == [girl, "met", boy, boy, "and", girl, "saw", girl, "cat", "Timid"]
    assert told[-2] in set(GIRLS) - {girl}
