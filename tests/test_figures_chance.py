"""The parts of a standard error are drawn as they are."""

from __future__ import annotations

from visprof import figures
from visprof.intervals import Estimate
from visprof.results.chance import chance_parts


def test_chance_is_parted_into_users_and_seeds():
    lead = Estimate(0.1, 0.02, 0.18, 9, "users", 0.03, 0.04, ((0.2, 0.1, 0.3), (0.0, -0.1, 0.1)))
    mrr = Estimate(0.5, 0.4, 0.6, 9, "users", 0.05, 0.0, ((0.5, 0.4, 0.6), (0.5, 0.4, 0.6)))
    numbers = {
        "mrr.random": Estimate(0.2), "mrr.image.20": mrr, "mrr.text.20": mrr,
        "mrr.image-text.20": lead, "map.random": Estimate(0.1),
    }  # fmt: skip
    parts = chance_parts(numbers, 20).set_index("key")
    assert parts.index.tolist() == ["mrr.image.20", "mrr.image-text.20"]
    assert parts["part of the seeds"].tolist() == ["0%", "64%"]  # .04^2 of .05^2
    assert parts.loc["mrr.image-text.20", "seeds"] == "0.000 to 0.200"
    assert parts["verdict"].tolist() == ["holds", "holds"]
    assert parts["one seed alone"].tolist() == ["all 2", "1 of 2"]
    axis = figures.chance_bars(parts.reset_index()).axes[0]
    assert [bar.get_width() for bar in axis.patches] == [0.05, 0.03, 0.0, 0.04]
