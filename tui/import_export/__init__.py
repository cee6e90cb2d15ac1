"""Sessions out to files and in from them: our own JSON, Markdown, HTML; what ChatGPT, Claude and Open WebUI export."""
