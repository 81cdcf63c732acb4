"""Which parameters decay, and which optimizer they belong to."""

from typing import Any

from torch import nn

from sweepformer.models.embeddings import TokenEmbedding

NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters as (weights that decay, all others).

    Weight decay pulls weights to zero, which makes sense for matrices that multiply, not for norms, biases,
    embeddings and single learned vectors (Loshchilov and Hutter 2019; the custom since BERT).
    """
    decay: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    seen: set[int] = set()
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if not parameter.requires_grad or id(parameter) in seen:
                continue
            seen.add(id(parameter))
            plain = parameter.ndim < 2 or isinstance(module, (nn.Embedding, TokenEmbedding, *NORMS))
            (others if plain else decay).append(parameter)
    return decay, others


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Optimizer groups with weight decay on matrices alone."""
    decay, others = split_parameters(model)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def muon_groups(
    model: nn.Module,
    lr: float,
    weight_decay: float,
    momentum: float,
    adamw_lr: float,
    adamw_betas: list[float],
) -> list[dict[str, Any]]:
    """Groups for Muon: hidden matrices by Muon, everything else and the classifier (the last matrix) by AdamW.

    Muon orthogonalises updates of matrices that map features to features (Jordan et al. 2024 leave
    embeddings and the output layer to AdamW).
    """
    decay, others = split_parameters(model)
    last = [parameter for parameter in decay if parameter is decay[-1]]
    hidden = [parameter for parameter in decay if parameter is not decay[-1]]
    betas = tuple(adamw_betas)
    return [
        {"params": hidden, "use_muon": True, "lr": lr, "momentum": momentum, "weight_decay": weight_decay},
        {"params": last, "use_muon": False, "lr": adamw_lr, "betas": betas, "weight_decay": weight_decay},
        {"params": others, "use_muon": False, "lr": adamw_lr, "betas": betas, "weight_decay": 0.0},
    ]
