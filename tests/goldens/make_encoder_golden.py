"""Make the golden of encoders: a tiny random BERT as sentence-transformers saves it, and what transformers computes.

    pip install transformers==5.24.0 torch==2.13.0
    python tests/goldens/make_encoder_golden.py

The mean of the tokens and the cut at ``max_seq_length`` are computed here, in the words of sentence-transformers.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

HERE = Path(__file__).parent / "bert"
LONGEST = 24
TEXTS = (
    "",
    "The pump",
    "the PUMP",
    "The pump in the cellar starts by itself when the water is as high as the second step.",
    "  Naïve façade, Übung: 東京 🙂 \n",
    "valve " * 40,
    "No valve opens before the pump has run.",
    "x",
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def make_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    around = [("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    return tokenizer


def make_model(vocab_size: int) -> BertModel:
    torch.manual_seed(16)
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=36,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=56,
        max_position_embeddings=64,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    for name, tensor in model.named_parameters():
        # Large enough that attention and GELU are far from linear; biases and norms away from 0 and 1.
        scale = 0.3 if tensor.ndim == 2 else 0.2
        torch.nn.init.normal_(tensor, float("LayerNorm.weight" in name), scale)
    return model


def embed(model: BertModel, tokenizer: Tokenizer) -> torch.Tensor:
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]")
    texts = [text.strip() for text in TEXTS]
    batch = fast(texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
    with torch.no_grad():
        rows = model(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1).float()
    return torch.nn.functional.normalize((rows * mask).sum(1) / mask.sum(1), dim=1)


def main() -> None:
    shutil.rmtree(HERE, ignore_errors=True)
    tokenizer = make_tokenizer()
    model = make_model(tokenizer.get_vocab_size())
    model.save_pretrained(HERE)
    tokenizer.save(str(HERE / "tokenizer.json"))
    names = {f"{name.strip('[]').lower()}_token": name for name in SPECIAL}
    (HERE / "tokenizer_config.json").write_text(json.dumps(names | {"model_max_length": 64}))
    (HERE / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": LONGEST}))
    (HERE / "1_Pooling").mkdir()
    (HERE / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    kinds = ("Transformer", "Pooling", "Normalize")
    modules = [{"type": f"sentence_transformers.models.{kind}"} for kind in kinds]
    (HERE / "modules.json").write_text(json.dumps(modules))
    save_file({"vectors": embed(model, tokenizer)}, HERE / "embeddings.safetensors", {"texts": json.dumps(TEXTS)})


if __name__ == "__main__":
    main()
