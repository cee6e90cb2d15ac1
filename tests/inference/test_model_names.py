"""Names of models on the Hub and of GGUF files."""

import pytest

from inference.sources.gguf_names import gguf_models, select
from inference.sources.hub_name import HubName


@pytest.mark.parametrize(
    ("text", "name"),
    {
        "org/name": ("org/name", "", ""),
        "org/name@v2": ("org/name", "v2", ""),
        "org/name@refs/pr/3": ("org/name", "refs/pr/3", ""),
        "org/name:Q4_K_M": ("org/name", "", "Q4_K_M"),
        "org/name@v2:Q8_0": ("org/name", "v2", "Q8_0"),
        "org/name/File-1.Q8_0.gguf": ("org/name", "", "File-1.Q8_0.gguf"),
        "org/name/BF16/file-00001-of-00002.gguf": ("org/name", "", "BF16/file-00001-of-00002.gguf"),
        "https://huggingface.co/org/name": ("org/name", "", ""),
        "https://huggingface.co/org/name/tree/main": ("org/name", "", ""),
        "https://huggingface.co/org/name/tree/v2": ("org/name", "v2", ""),
        "https://huggingface.co/org/name/blob/main/a.Q4_1.gguf": ("org/name", "", "a.Q4_1.gguf"),
        "https://huggingface.co/org/name/resolve/v2/a%20b.gguf?download=true": ("org/name", "v2", "a b.gguf"),
        "https://huggingface.co/org/name/blob/main/config.json": ("org/name", "", ""),
        "hf.co/org/name:Q4_0": ("org/name", "", "Q4_0"),
    }.items(),
)
def test_spellings(text: str, name: tuple[str, str, str]) -> None:
    found = HubName.parse(text)
    assert found == HubName(*name)
    assert " " in text or "%" in text or HubName.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("name", "", "a/b/c", "../x", "org/..", "org/name@", "org/name:", "org/name@../x", "org/name/../a.gguf"),
        *("https://example.org/org/name", "https://huggingface.co/", "https://huggingface.co/datasets/org/name"),
        *("https://[huggingface.co/org/name", "org/\x1b[31m", "org/name:Q4/x"),
    ],
)
def test_what_is_no_name(text: str) -> None:
    assert HubName.parse(text) is None


def test_a_folder_is_called_as_its_model() -> None:
    for text in ("org/name", "org/my--model", "org/name@refs/pr/3", "org/name:Q4_1", "org/name@a/b:Q4_1"):
        name = HubName.parse(text)
        assert name and str(name) == text
        assert HubName.of_folder(*name.folder.parts) == text


def test_models_among_files() -> None:
    names = ["a-Q4_0.gguf", "b-Q4_0.gguf", "UD/a-UD-Q4_K_XL-00002-of-00002.gguf", "UD/a-UD-Q4_K_XL-00001-of-00002.gguf"]
    names += ["a.fp16.gguf", "a.i1-IQ4_NL.gguf", "plain.gguf", "mmproj-F16.gguf", "imatrix.gguf", "README.md", "a.bin"]
    models = gguf_models(names)
    assert set(models) == {"a-Q4_0", "b-Q4_0", "UD-Q4_K_XL", "FP16", "IQ4_NL", "plain"}
    assert models["UD-Q4_K_XL"].parts == tuple(sorted(names[2:4])) and models["UD-Q4_K_XL"].expected == 2
    assert select(models, "ud-q4_k_xl") == select(models, names[2]) == select(models, names[3][3:]) == "UD-Q4_K_XL"
    assert select(models, "b-Q4_0.gguf") == "b-Q4_0"
    assert select(models) is None and select(models, "Q4_0") is None
    assert select(gguf_models(["only-Q2_K.gguf"])) == "Q2_K"
    assert select(gguf_models(["a-Q8_0.gguf", "a-Q4_K_M.gguf", "a-Q2_K.gguf"])) == "Q4_K_M"
