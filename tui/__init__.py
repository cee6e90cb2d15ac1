"""llm-tui: a terminal user interface for the engine in ``inference``."""
