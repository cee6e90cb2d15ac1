"""OLMo 2: norms after attention and MLP instead of before them, and over all queries and all keys."""

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.config_reader import ConfigReader
from inference.checkpoint.families.base import LAYER_TENSORS, QK_NORM_TENSORS, Family

POST_NORM_TENSORS = {
    "post_attention_norm": "model.layers.{layer}.post_attention_layernorm.weight",
    "post_mlp_norm": "model.layers.{layer}.post_feedforward_layernorm.weight",
}


def configure(reader: ConfigReader, config: ModelConfig) -> ModelConfig:
    """``attention_bias`` means all four matrices of attention."""
    bias = reader.boolean("attention_bias", False)
    return config.in_every_layer(
        pre_norms=False, post_norms=True, qk_norm="projection", qkv_bias=bias, output_bias=bias
    )


OLMO2 = Family(
    model_type="olmo2",
    architecture="Olmo2ForCausalLM",
    configure=configure,
    layer_tensors=LAYER_TENSORS | QK_NORM_TENSORS | POST_NORM_TENSORS,
)
