"""Tokenizers of every kind, each of which has control tokens in its own vocabulary or in its merges."""

from collections.abc import Callable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

CONTROLS = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
LETTERS = [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", *"<>/|_.,!?[]\\:'\n"]
WORDS = [
    "▁",
    *["▁hi", "▁the", "▁a", "▁<", "hi", "im_", "im", "start", "end", "</", "s>", "|>", "<|", "/s>", "▁</s", "▁end"],
]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def merges_for(*words: str) -> list[tuple[str, str]]:
    """Merges that lead to each of the words, letter by letter."""
    return list(dict.fromkeys((word[:n], word[n]) for word in words for n in range(1, len(word))))


def bpe(alphabet: list[str], words: list[str], **options: object) -> models.BPE:
    merges = merges_for(*words)
    tokens = [*CONTROLS, *alphabet, *(left + right for left, right in merges)]
    return models.BPE({token: id_ for id_, token in enumerate(dict.fromkeys(tokens))}, merges, **options)


def finish(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_special_tokens(CONTROLS)
    return tokenizer


def byte_level_bpe() -> Tokenizer:
    tokenizer = Tokenizer(bpe(sorted(pre_tokenizers.ByteLevel.alphabet()), ["</s>", "<|im_end|>", "<|im_start|>"]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return finish(tokenizer)


def blank_prefixing_bpe() -> Tokenizer:
    """As Llama 2's, with merges that spell its control tokens."""
    model = bpe(
        [*BYTES, *LETTERS, "▁"], ["▁hi", "▁the", "▁</s>", "</s>", "<s>", "<|im_end|>"],
        unk_token="<unk>", byte_fallback=True, fuse_unk=True,
    )  # fmt: skip
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return finish(tokenizer)


def metaspace_bpe(scheme: str) -> Tokenizer:
    model = bpe([*BYTES, *LETTERS, "▁"], ["▁hi", "▁the", "</s>"], unk_token="<unk>", byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme=scheme)])
    return finish(tokenizer)


def stripping_bpe() -> Tokenizer:
    """Its normaliser takes blanks away and makes all letters small and narrow: control tokens come of other text."""
    tokenizer = Tokenizer(bpe([*BYTES, *LETTERS], ["</s>", "<|im_end|>"], unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex("[ ~]+"), "")]
    )
    return finish(tokenizer)


def unigram(byte_fallback: bool) -> Tokenizer:
    pieces = [*CONTROLS, *(BYTES if byte_fallback else []), *LETTERS, *WORDS]
    scores = [(piece, -0.1 * index if index < 5 else -9.0) for index, piece in enumerate(dict.fromkeys(pieces))]
    tokenizer = Tokenizer(models.Unigram(scores, 0, byte_fallback))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return finish(tokenizer)


def word_level() -> Tokenizer:
    tokens = [*CONTROLS, *LETTERS, "hi", "the", "im_start", "im_end"]
    tokenizer = Tokenizer(models.WordLevel({token: id_ for id_, token in enumerate(tokens)}, "<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return finish(tokenizer)


def word_piece() -> Tokenizer:
    tokens = [*CONTROLS, *LETTERS, *("##" + letter for letter in LETTERS), "hi", "the", "##s>", "##end|>"]
    tokenizer = Tokenizer(models.WordPiece({token: id_ for id_, token in enumerate(tokens)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece()
    return finish(tokenizer)


ZOO: dict[str, Callable[[], Tokenizer]] = {
    "byte-level BPE": byte_level_bpe,
    "blank-prefixing BPE": blank_prefixing_bpe,
    "metaspace BPE, first": lambda: metaspace_bpe("first"),
    "metaspace BPE, always": lambda: metaspace_bpe("always"),
    "metaspace BPE, never": lambda: metaspace_bpe("never"),
    "stripping BPE": stripping_bpe,
    "Unigram": lambda: unigram(False),
    "Unigram with bytes": lambda: unigram(True),
    "WordLevel": word_level,
    "WordPiece": word_piece,
}
