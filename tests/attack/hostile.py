"""Texts that would do something where they are not taken as text."""

MARK = "Zq"  # in each, so that it is known wherever it turns up

TEXTS = [
    *("[@click=app.quit]Zq[/]", "[@click=app.do('delete_session')]Zq", "[link=https://evil.example]Zq[/link]", "[/Zq]"),
    *("[bold red on blue]Zq[/]", "[Zq", "Zq]", "[[Zq]]", "\\[Zq]", "[$Zq]", "Zq $x ${Zq}", "[b]Zq[/i]", "Zq[/][/][/]"),
    *(
        "\x1b[31mZq",
        "\x1b]0;Zq\x07",
        "\x1b]52;c;Zq==\x1b\\",
        "\x1b]8;;https://evil.example\x07Zq\x1b]8;;\x07",
        "\x9bZq2J",
    ),
    *(
        "\x1bPZq\x1b\\",
        "\x1b_Gi=1;Zq\x1b\\",
        "Zq\x1bc",
        "Zq\x9d0;x\x9c",
        "Zq\x07\x08\x0e\x0f\x7f\x00",
        "Zq\rgone\r\n",
        "\x0bZq\x0c",
    ),
    *("Zq\u202egpj.exe", "\u2067Zq\u2069", "Zq\u200e\u200f\u061c", "Zq\u2028\u2029", "\ufeffZq\x85", "Zq\ud800"),
    *("Zq{0}{Zq.__class__}%s%(x)s", "Zq`$(reboot)`", "Zq" * 300, "Zq\t\t\ttabs", "Zq\n\n# two\nlines", "   Zq   "),
    *(
        "Zq❤\ufe0f👩\u200d👧🇩🇪👍🏽1\ufe0f\u20e3",
        "Zq東京\u3000",
        "Zq" + "e\u0301" * 40,
        "Zq" + "\u0300" * 200,
        "Zq\U000e0041\ue000",
    ),
    *(
        "**Zq** <br> &#27;[31m &#x202e; [x](javascript:Zq)",
        "```tads3\nextern //" + "\\" * 60 + "\nZq",
        "| Zq |\n|-|\n| \x1b |",
    ),
]
