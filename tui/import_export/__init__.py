"""Export to Markdown, HTML, JSON and JSON lines; import of those and of ChatGPT, Claude and Open WebUI exports."""

FORMATS = ("md", "html", "json", "jsonl")
