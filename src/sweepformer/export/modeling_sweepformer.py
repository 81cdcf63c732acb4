"""The model in this folder for the library transformers (trust_remote_code=True): README.md has the lines."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput, TokenClassifierOutput

from sweepformer.models.bag_of_ngrams import BagOfNgrams
from sweepformer.models.embeddings import TokenEmbedding, sinusoidal_table
from sweepformer.models.transformer import Transformer

NETWORKS: dict[str, type[nn.Module]] = {"Transformer": Transformer, "BagOfNgrams": BagOfNgrams}


class SweepformerConfig(PretrainedConfig):
    """The folder's config.json.

    model: of the network: its class, and what it is made with; answers: what its logits stand for.
    """

    model_type = "sweepformer"

    def __init__(
        self, model: dict[str, Any] | None = None, answers: dict[str, Any] | None = None, **others: Any
    ) -> None:
        self.model, self.answers = model or {}, answers or {}
        super().__init__(**others)


class Sweepformer(PreTrainedModel):
    """What the two models below share."""

    config_class = SweepformerConfig
    base_model_prefix = "network"

    def __init__(self, config: SweepformerConfig) -> None:
        super().__init__(config)
        self.network = NETWORKS[config.model["class"]](**config.model["arguments"])
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        # No part of the weights, as it follows from the config: transformers makes the model without any numbers.
        if not isinstance(module, TokenEmbedding):
            return
        if module.positions is not None and not isinstance(module.positions, nn.Parameter):
            length, width = module.positions.shape
            module.positions.copy_(module.std * sinusoidal_table(length, width))

    def logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Of rows (batch, classes), of words (batch, length, tags): calibrated, so that their softmax (of several
        labels a row their sigmoid) is what the run answers; of numbers (batch, 1), in the unit of the training rows.

        attention_mask: (batch, length), 0 where there is no token; None: there is one everywhere.
        """
        logits = self.network(input_ids, None if attention_mask is None else attention_mask == 0)
        answers = self.config.answers
        return logits * answers.get("scale", 1.0) / answers.get("temperature", 1.0) + answers.get("mean", 0.0)


class SweepformerForSequenceClassification(Sweepformer):
    """Labels rows, or tells their numbers."""

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Any
    ) -> SequenceClassifierOutput:
        """`logits`: see there. There is no loss: the model is for use as it is."""
        return SequenceClassifierOutput(logits=self.logits(input_ids, attention_mask))


class SweepformerForTokenClassification(Sweepformer):
    """Tags words: that of a word is said of its first token."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Any) -> TokenClassifierOutput:
        """As above."""
        return TokenClassifierOutput(logits=self.logits(input_ids, attention_mask))
