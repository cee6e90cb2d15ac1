"""Llama network in torch, with the parameter names of a Hugging Face checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.recipes.recipe import Shape


class Attention(nn.Module):
    """Causal grouped-query self-attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.head_dim = shape.head_dim
        kv_size = shape.kv_heads * shape.head_dim
        self.groups = shape.heads // shape.kv_heads
        self.q_proj = nn.Linear(shape.hidden_size, shape.hidden_size, bias=False)
        self.k_proj = nn.Linear(shape.hidden_size, kv_size, bias=False)
        self.v_proj = nn.Linear(shape.hidden_size, kv_size, bias=False)
        self.o_proj = nn.Linear(shape.hidden_size, shape.hidden_size, bias=False)

    def forward(self, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:  # [B, L, D] -> [B, L, D]
        batch, length, size = hidden.shape
        q = rotate(self._heads(self.q_proj(hidden)), cos, sin)  # [B, H, L, HD]
        k = rotate(self._heads(self.k_proj(hidden)), cos, sin)  # [B, KVH, L, HD]
        v = self._heads(self.v_proj(hidden))
        k, v = k.repeat_interleave(self.groups, dim=1), v.repeat_interleave(self.groups, dim=1)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, size))

    def _heads(self, flat: Tensor) -> Tensor:
        return flat.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding in the half-split layout: x [B, H, L, HD], cos and sin [L, HD / 2]."""
    left, right = x.chunk(2, dim=-1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.ffn, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.ffn, bias=False)
        self.down_proj = nn.Linear(shape.ffn, shape.hidden_size, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.down_proj(functional.silu(self.gate_proj(hidden)) * self.up_proj(hidden))


class Block(nn.Module):
    """Attention and feed-forward, each normalised before and added to the residual stream."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, shape.norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, shape.norm_eps)
        self.mlp = FeedForward(shape)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        hidden = hidden + self.dropout(self.self_attn(self.input_layernorm(hidden), cos, sin))
        return hidden + self.dropout(self.mlp(self.post_attention_layernorm(hidden)))


class Stack(nn.Module):
    """Embedding, blocks, last norm."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.hidden_size, shape.norm_eps)
        self.dropout = nn.Dropout(dropout)
        frequencies = shape.rope_theta ** (-torch.arange(0, shape.head_dim, 2) / shape.head_dim)
        angles = torch.outer(torch.arange(shape.context), frequencies)  # [context, HD / 2]
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:  # [B, L] -> [B, L, D]
        length = tokens.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        hidden = self.dropout(self.embed_tokens(tokens))
        for layer in self.layers:
            hidden = layer(hidden, cos, sin)
        return self.norm(hidden)


class Llama(nn.Module):
    """Token ids to logits; the embedding is also the output matrix."""

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.model = Stack(shape, dropout)
        for name, parameter in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(parameter)  # each block begins as the identity
            elif parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:  # [B, L] -> [B, L, V]
        return functional.linear(self.model(tokens), self.model.embed_tokens.weight)

    def loss(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """Mean cross-entropy in nats: tokens [B, L + 1] int64, weights [B, L] of the predictions."""
        logits = self(tokens[:, :-1]).float()
        each = functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        return (each * weights.flatten()).sum() / weights.sum()

    def matrices(self) -> list[nn.Parameter]:
        """The two-dimensional weights of the blocks."""
        return [parameter for name, parameter in self.named_parameters() if "layers" in name and parameter.ndim == 2]

    def others(self) -> list[nn.Parameter]:
        """Embedding and norms."""
        return [parameter for name, parameter in self.named_parameters() if "layers" not in name or parameter.ndim != 2]
