"""Model families: one declarative file each. A family says how its ``config.json`` and tensor names become ours."""

from inference.checkpoint.families.base import Family, parse_config, read_config
from inference.checkpoint.families.llama import LLAMA
from inference.checkpoint.families.mistral import MISTRAL

FAMILIES: dict[str, Family] = {family.model_type: family for family in (LLAMA, MISTRAL)}

__all__ = ["FAMILIES", "Family", "parse_config", "read_config"]
