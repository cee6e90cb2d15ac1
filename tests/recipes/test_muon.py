"""Our Muon makes torch's steps, but for torch's rounding to bfloat16."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install '.[train]')")


@pytest.mark.parametrize("shape", [(64, 96), (96, 64), (48, 48)])
def test_steps_equal_those_of_torch(shape: tuple[int, int]) -> None:
    from models.recipes.muon import Muon

    torch.manual_seed(0)
    ours = torch.nn.Parameter(torch.randn(shape))
    theirs = torch.nn.Parameter(ours.detach().clone())
    optimisers = [
        Muon([ours], lr=0.01, weight_decay=0.1),
        torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
    ]
    began = ours.detach().clone()
    for _ in range(5):
        gradient = torch.randn(shape)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        for optimiser in optimisers:
            optimiser.step()
    assert (ours - theirs).abs().max() < 0.03 * (ours - began).abs().max()
