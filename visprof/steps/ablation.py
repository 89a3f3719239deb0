"""Steps: trainings of the Siamese network with other margins, rates and normalisations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from visprof import scenes
from visprof._lazy import lazily
from visprof.scene_table import class_readings, random_values, table_one
from visprof.steps.data import SceneSplit
from visprof.steps.registry import step

with lazily():
    from visprof import embedding, retrieval, siamese
    from visprof._numba import over_threads
    from visprof.siamese_training import train_last_layer
with lazily("nets"):
    import torch

__all__ = ["MARGINS", "siamese_ablation"]

PAPER_RATE, PAPER_ITERATIONS = 1e-5, 50_000  # of the last layer
MARGINS = (1.0, 10.0, 20.0, 25.0)
AT_ONCE = 2  # trainings; each holds the products of all pictures that it sees


def _rates(n_iterations: int) -> dict[str, float]:
    """Learning rates of the last layer, by rule, for fewer iterations than the paper's 50,000.

    How far weights can go is bounded by rate times iterations: the second rule keeps that.
    """
    kept = PAPER_RATE * PAPER_ITERATIONS / n_iterations
    return {"paper's rate": PAPER_RATE, "paper's rate x iterations": kept, "ten times": 10 * kept}


class _Trainings:
    """Trainings of the Siamese network that differ in a few settings, scored on the test scenes."""

    def __init__(
        self,
        scene_features: embedding.Features,
        scene_split: SceneSplit,
        n_outputs: int,
        n_similar: int,
        n_dissimilar: int,
        seed: int,
    ) -> None:
        self.features = np.asarray(scene_features.features)
        self.labels = scene_split.test["label"].to_numpy()
        self.n_train = len(scene_split.train)
        self.n_outputs, self.seed = n_outputs, seed
        self.pairs, self.similar = scenes.sample_pairs(
            scene_split.train["label"], n_similar, n_dissimilar, random_state=seed
        )

    def new(self, output_norm: str) -> siamese.SiameseEmbedding:
        """An untrained network, its normalisation set to the training scenes."""
        width = self.features.shape[1]
        model = siamese.SiameseEmbedding(None, width, self.n_outputs, output_norm, self.seed)
        return siamese.calibrate(model, self.features[: self.n_train])

    def train(
        self,
        models: Sequence[siamese.SiameseEmbedding],
        chosen: Sequence[dict[str, float]],
        **settings: Any,
    ) -> list[dict[str, float]]:
        """Train networks by settings of each and of all, `AT_ONCE` at a time.

        How far the last layer of each turned, and how many of its pairs pushed.
        """
        learnt: list[dict[str, float]] = [{}] * len(models)

        def fill(begin: int, end: int, first: int) -> None:
            for k in range(first + begin, first + end):
                learnt[k] = self._train(models[k], **chosen[k], **settings)

        with threadpool_limits(1, "blas"):  # as each has it: the first to end would lift it
            for first in range(0, len(models), AT_ONCE):
                over_threads(fill, min(AT_ONCE, len(models) - first), first)
        return learnt

    def _train(self, model: siamese.SiameseEmbedding, **settings: Any) -> dict[str, float]:
        first = model.last.weight.detach().clone()
        settings |= {"random_state": self.seed, "progress": False}
        training_log = train_last_layer(model, self.features, self.pairs, self.similar, **settings)
        cosine = torch.cosine_similarity(first, model.last.weight.detach().cpu())
        return {
            "turn": float(torch.rad2deg(cosine.clamp(-1, 1).arccos()).mean()),
            "first_active": training_log["active_share"].iloc[0],
            "last_active": training_log["active_share"].iloc[-1],
        }

    def rank(self, model: siamese.SiameseEmbedding) -> retrieval.RankingMetrics:
        """Ranking metrics of the test scenes."""
        outputs = siamese.siamese_outputs(model, self.features[self.n_train :])
        return retrieval.ranking_metrics(outputs, self.labels)

    def score(
        self, ranking: retrieval.RankingMetrics, start: retrieval.RankingMetrics
    ) -> dict[str, float]:
        """Value (mean average precision) and gain over a start, with 95 % intervals."""
        by_method = {
            name: [class_readings(of, self.labels)]
            for name, of in (("own", ranking), ("start", start))
        }
        table = table_one(by_method, random_values(self.labels), [("own", "start")])
        value, gain = (table[row]["mean_ap"] for row in ("own", "own-start"))
        return {
            "value": value.value, "low": value.low, "high": value.high,
            "gain": gain.value, "gain_low": gain.low, "gain_high": gain.high,
        }  # fmt: skip


@step
def siamese_ablation(
    scene_features: embedding.Features,
    scene_split: SceneSplit,
    n_outputs: int,
    batch_size: int,
    n_ablation_batches: int,
    n_similar: int,
    n_dissimilar: int,
    seed: int,
) -> pd.DataFrame:
    """Normalisation x learning rate of the last layer x margin; the other layers are frozen.

    One row a training; the rule "start" stands for no training. Columns output_norm, rule, margin,
    lr_last, and those of `_Trainings.train` and `_Trainings.score`.
    """
    trainings = _Trainings(scene_features, scene_split, n_outputs, n_similar, n_dissimilar, seed)
    rows = []
    for output_norm in ("batch", "l2"):
        start = trainings.rank(trainings.new(output_norm))
        rows.append({"output_norm": output_norm, "rule": "start", **trainings.score(start, start)})
        rates = _rates(n_ablation_batches)
        rules = [rule for rule, _ in product(rates, MARGINS)]
        chosen = [
            {"margin": margin, "lr_last": rate} for rate, margin in product(rates.values(), MARGINS)
        ]
        models = [trainings.new(output_norm) for _ in chosen]
        learnt = trainings.train(
            models, chosen, batch_size=batch_size, n_iterations=n_ablation_batches
        )
        for rule, settings, model, found in zip(rules, chosen, models, learnt, strict=True):
            score = trainings.score(trainings.rank(model), start)
            rows.append({"output_norm": output_norm, "rule": rule, **settings, **found, **score})
    return pd.DataFrame(rows)
