"""Pre-tokenizers of byte-level BPE by the names that GGUF files give them.

They are those of the makers' own ``tokenizer.json``, which split text as the models were trained on it.
"""

from dataclasses import dataclass

CONTRACTIONS = r"'s|'t|'re|'ve|'m|'ll|'d"
WHITE_SPACE = r"\s+(?!\S)|\s+"
LINES = rf"\s*[\r\n]+|{WHITE_SPACE}"
GPT2 = rf"{CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|{WHITE_SPACE}"
DIGIT, DIGITS = r"\p{N}", r"\p{N}{1,3}"
IDEOGRAPHS_AND_KANA = "[一-龥぀-ゟ゠-ヿ]+"
# Letters with case, as Unicode had them when these models were made.
CASED = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ"
    "\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗ"
    "Ａ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
)


@dataclass(frozen=True)
class PreTokenizer:
    """Splits text into words, which are merged each on its own.

    Args:
        steps: Regular expressions, one after the other: what one matches is a word, and so is what lies between.
        ignore_merges: A word that is a token is taken whole, whatever its merges are.
        add_bos: Text begins with BOS unless the file says otherwise.
        composed: Text is composed (Unicode's NFC) before.
    """

    steps: tuple[str, ...]
    ignore_merges: bool = False
    add_bos: bool = False
    composed: bool = False


def _words(digits: str) -> str:
    """As of OpenAI's cl100k: contractions of any case, words with a sign before them, punctuation up to a line end."""
    return rf"(?i:{CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{LINES}"


def _cased_words(digits: str, endings: str) -> str:
    """As of OpenAI's o200k: a word ends where a capital letter follows a small one."""
    capital, small = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    before = r"[^\r\n\p{L}\p{N}]?"
    return (
        rf"{before}{capital}*{small}+{endings}|{before}{capital}+{small}*{endings}|{digits}"
        rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{LINES}"
    )


_GPT2 = PreTokenizer((GPT2,))
_SINGLE_DIGITS = PreTokenizer((DIGIT, GPT2))
_LLAMA3 = PreTokenizer((_words(DIGITS),), ignore_merges=True, add_bos=True)
_CL100K = PreTokenizer((_words(DIGITS),))
_O200K = PreTokenizer((_cased_words(DIGITS, f"(?i:{CONTRACTIONS})?"),))
_DEEPSEEK3 = PreTokenizer(
    (
        DIGITS,
        IDEOGRAPHS_AND_KANA,
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        rf"| ?[\p{{P}}\p{{S}}]+[\r\n]*|{LINES}",
    )
)

PRE_TOKENIZERS: dict[str, PreTokenizer] = {
    "default": PreTokenizer((r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    **dict.fromkeys(("gpt-2", "phi-2", "granite-docling"), _GPT2),
    **dict.fromkeys(("mpt", "olmo"), PreTokenizer((GPT2,), composed=True)),
    **dict.fromkeys(("smollm", "refact", "starcoder", "minerva-7b"), _SINGLE_DIGITS),
    "command-r": PreTokenizer((DIGIT, GPT2), composed=True),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "lfm2"), _LLAMA3),
    **dict.fromkeys(("dbrx", "smaug-bpe"), _CL100K),
    "qwen2": PreTokenizer((_words(DIGIT),), composed=True),
    "deepseek-r1-qwen": PreTokenizer((_words(DIGIT),)),
    "tekken": PreTokenizer((_cased_words(DIGIT, ""),), ignore_merges=True, add_bos=True),
    **dict.fromkeys(("gpt-4o", "llama4"), _O200K),
    "deepseek-llm": PreTokenizer(
        (
            r"[\r\n]",
            rf"\s?[{CASED}]+",
            "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+",
            r"\s+$",
            "[一-龥ࠀ-一가-\ud7ff]+",
            r"\p{N}+",
        )
    ),
    "deepseek-coder": PreTokenizer((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", DIGIT)),
    "deepseek-v3": _DEEPSEEK3,
}
