"""Model families: one declarative file each. A family says how its ``config.json`` and tensor names become ours."""

from inference.checkpoint.families.base import Family, parse_config
from inference.checkpoint.families.exaone4 import EXAONE4
from inference.checkpoint.families.gemma2 import GEMMA2
from inference.checkpoint.families.gemma3 import GEMMA3, GEMMA3_TEXT
from inference.checkpoint.families.granite import GRANITE
from inference.checkpoint.families.granitemoe import GRANITEMOE
from inference.checkpoint.families.llama import LLAMA
from inference.checkpoint.families.mistral import MISTRAL
from inference.checkpoint.families.mixtral import MIXTRAL
from inference.checkpoint.families.olmo2 import OLMO2
from inference.checkpoint.families.olmo3 import OLMO3
from inference.checkpoint.families.phi3 import PHI3
from inference.checkpoint.families.qwen2 import QWEN2
from inference.checkpoint.families.qwen3 import QWEN3
from inference.checkpoint.families.qwen3_moe import QWEN3_MOE
from inference.checkpoint.families.smollm3 import SMOLLM3

_DENSE = (LLAMA, MISTRAL, QWEN2, QWEN3, SMOLLM3, GEMMA2, GEMMA3, GEMMA3_TEXT, PHI3, OLMO2, OLMO3, GRANITE, EXAONE4)
_MIXTURES = (QWEN3_MOE, MIXTRAL, GRANITEMOE)
FAMILIES: dict[str, Family] = {family.model_type: family for family in (*_DENSE, *_MIXTURES)}

__all__ = ["FAMILIES", "Family", "parse_config"]
