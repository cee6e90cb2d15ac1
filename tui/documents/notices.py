"""Sentences that several ways to the documents say."""

WORDS_ALONE = "Passages are found by their words only; to find them by meaning too: `llm-tui pull minilm`."
