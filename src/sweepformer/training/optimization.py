"""Optimizer and schedule of a model: which parameters are trained, how fast, which decay."""

from typing import Any

from torch import nn
from torch.optim import Optimizer

from sweepformer.config.build import build, check_keys, parameters
from sweepformer.errors import UserError, hint
from sweepformer.models.embeddings import TokenEmbedding
from sweepformer.training.schedules import NEVER, steps_of

NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters as (weights that decay, all others).

    Weight decay pulls weights to zero, which makes sense for matrices that multiply, not for norms, biases,
    embeddings and single learned vectors (Loshchilov and Hutter 2019; the custom since BERT).
    """
    decays: dict[nn.Parameter, bool] = {}  # a parameter that several modules have counts with the first
    for module in model.modules():
        multiplies = not isinstance(module, (nn.Embedding, TokenEmbedding, *NORMS))
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                decays.setdefault(parameter, multiplies and parameter.ndim >= 2)
    return [one for one, does in decays.items() if does], [one for one, does in decays.items() if not does]


def parameter_groups(
    model: nn.Module, weight_decay: float, lr: float | None = None, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Optimizer groups with weight decay on matrices alone.

    With a `layer_decay` below 1 each layer learns at that many times the rate of the one above it, the embeddings
    slowest: what pretraining has found there is the most general (Howard and Ruder 2018, discriminative fine-tuning;
    Clark et al. 2020, ELECTRA). Head and last norm learn at `lr`; their groups come first, as schedules take the
    first group's rate for the whole.
    """
    decay, others = split_parameters(model)
    rates: dict[int, float] = {}
    if layer_decay != 1 and lr is not None:
        for below, layer in enumerate(reversed(_layers(model, "optimizer.layer_decay")), 1):
            rates |= {id(parameter): lr * layer_decay**below for parameter in layer.parameters()}
    groups: list[dict[str, Any]] = []
    for rate in [None, *sorted(set(rates.values()), reverse=True)]:
        for group, amount in ((decay, weight_decay), (others, 0.0)):
            chosen = [parameter for parameter in group if rates.get(id(parameter)) == rate]
            if chosen:
                groups.append({"params": chosen, "weight_decay": amount} | ({} if rate is None else {"lr": rate}))
    return groups


def freeze(model: nn.Module, layers: int) -> None:
    """Keep the embeddings and the lowest `layers` layers as they are; with all layers, the last norm too.

    Raises:
        UserError: the model has no such layers, or not so many.
    """
    embedding, *blocks = _layers(model, "model.frozen_layers")
    if layers > len(blocks):
        raise UserError(f"model.frozen_layers={layers}: the model has {len(blocks)} layers, which is the most.")
    encoder: nn.Module = model.encoder  # type: ignore[assignment]  # `_layers` has found it
    for part in [encoder] if layers == len(blocks) else [embedding, *blocks[:layers]]:
        part.requires_grad_(False)


def _layers(model: nn.Module, key: str) -> list[nn.Module]:
    """The embeddings, with what makes them of neighbours too, and the layers above them."""
    encoder: Any = getattr(model, "encoder", None)
    if not hasattr(encoder, "embedding") or not hasattr(encoder, "blocks"):
        raise UserError(f"{key}: {type(model).__name__} has no layers, one above the other. Choose a transformer.")
    lowest = nn.ModuleList([encoder.embedding, *filter(None, [getattr(encoder, "stem", None)])])
    return [lowest, *encoder.blocks]


def muon_groups(
    model: nn.Module, lr: float, weight_decay: float, momentum: float, adamw_lr: float, adamw_betas: list[float]
) -> list[dict[str, Any]]:
    """Groups for Muon: hidden matrices by Muon, everything else and the classifier (the last matrix) by AdamW.

    Muon orthogonalises updates of matrices that map features to features (Jordan et al. 2024 leave
    embeddings and the output layer to AdamW).
    """
    decay, others = split_parameters(model)
    hidden, last, betas = decay[:-1], decay[-1:], tuple(adamw_betas)
    groups = [
        {"params": hidden, "use_muon": True, "lr": lr, "momentum": momentum, "weight_decay": weight_decay},
        {"params": last, "use_muon": False, "lr": adamw_lr, "betas": betas, "weight_decay": weight_decay},
        {"params": others, "use_muon": False, "lr": adamw_lr, "betas": betas, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def check_optimization(optimizer: dict[str, Any], scheduler: dict[str, Any]) -> None:
    """Look at the keys of both, and at values that are there already; a UserError names a wrong one."""
    optimizer = {key: value for key, value in optimizer.items() if (key, value) != ("lr", None)}
    if _is_muon(optimizer):
        known = [key for key in parameters(muon_groups) or () if key != "model"]
        for key in optimizer.keys() - {"_target_", *known}:
            raise UserError(
                f"optimizer.{key}: Muon has no parameter {key} here.{hint(key, known, 'optimizer.')} It takes: "
                f"{', '.join(known)}."
            )
        optimizer = {"_target_": optimizer["_target_"]}
    check_keys("optimizer", {key: value for key, value in optimizer.items() if key != "layer_decay"})
    left_out = ("monitor", *(["max_lr"] if scheduler.get("max_lr") is None else []))
    check_keys("scheduler", {key: value for key, value in scheduler.items() if key not in left_out})


def _is_muon(optimizer: dict[str, Any]) -> bool:
    return optimizer["_target_"].rpartition(".")[2] == "Muon" and "adamw_lr" in optimizer


def build_optimizer(config: dict[str, Any], model: nn.Module) -> Optimizer:
    """The optimizer that `config` describes, over the groups of `model`'s parameters."""
    options = dict(config)
    if _is_muon(config):
        target = options.pop("_target_")
        return build("optimizer", {"_target_": target}, params=muon_groups(model, **options))
    layer_decay = options.pop("layer_decay", 1.0)
    groups = parameter_groups(model, config.get("weight_decay", 0.0), config.get("lr"), layer_decay)
    return build("optimizer", options, params=groups)


def build_schedule(config: dict[str, Any], optimizer: Optimizer, total_steps: int) -> dict[str, Any]:
    """What Lightning's `configure_optimizers` returns beside the optimizer.

    A schedule moves every step; one with a `monitor` looks at that metric instead, after each validation
    (`PlateauSteps`) or, if it is one of training, after each epoch.
    """
    for key in ("warmup", "decay"):
        if key in config and steps_of(config[key], total_steps) > total_steps:
            raise UserError(
                f"scheduler.{key}={config[key]:g} is longer than training itself, which has {total_steps} steps. "
                "Give fewer steps, or a share of training below 1."
            )
    options = dict(config)
    monitor = options.pop("monitor", None)
    if options.get("pct_start", 0) * total_steps == 1:
        options["pct_start"] *= 1.001  # OneCycleLR would divide by the no steps that it has to rise in
    if "max_lr" in options:
        # One peak for all groups would undo that groups have rates of their own.
        first = optimizer.param_groups[0]["lr"]
        options["max_lr"] = [options["max_lr"] * group["lr"] / first for group in optimizer.param_groups]
    schedule = build("scheduler", options, optimizer=optimizer, total_steps=total_steps)
    if monitor:
        frequency = 1 if monitor.startswith("train_") else NEVER
        return {"scheduler": schedule, "interval": "epoch", "frequency": frequency, "monitor": monitor}
    return {"scheduler": schedule, "interval": "step"}
