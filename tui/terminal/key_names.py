"""Textual's name for the key of a character. Textual keeps the function to itself; importing it costs little."""

from textual.keys import _character_to_key as character_to_key

__all__ = ["character_to_key"]
