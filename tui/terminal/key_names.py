"""Textual's key name of a character, from a private function that is cheap to import."""

from textual.keys import _character_to_key as character_to_key

__all__ = ["character_to_key"]
