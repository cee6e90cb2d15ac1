"""Counts tokens for models on servers, whose tokenizers are not here: about four bytes each."""

BYTES_PER_TOKEN = 4
PER_MESSAGE = 4  # tokens of a chat template around it
# Tokens of a context that the server does not tell.
ASSUMED_CONTEXT = 8192


def about_tokens(text: str) -> int:
    """About so many tokens."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)
