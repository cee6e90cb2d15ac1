"""Export to JSON, Markdown and HTML; import of those and of ChatGPT, Claude and Open WebUI exports."""

FORMATS = ("md", "html", "json", "jsonl")
