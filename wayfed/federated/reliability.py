"""How far a model's probabilities hold: rows by how sure it was, and how often it was right."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from wayfed.federated.metrics import Sums

RANGES: Final = 10
"""How many ranges of equal width there are from 0 to 1."""
_BINARY: Final = 2


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """The rows whose score lies in a range.

    Parameters
    ----------
    lower, upper
        The range; the last one holds its upper end.
    rows
        How many there are.
    score
        Their mean score: how often what the model says was to come.
    rate
        How often it came.
    """

    lower: float
    upper: float
    rows: int
    score: float
    rate: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """The reliability of a model's probabilities on held-out rows, over all parties together.

    A row's score is the probability of the second class where there are two, and the rate says how
    often that came; with more classes they are of the likeliest one. Pooled it is exact: parties
    tell sums. Ranges without rows are absent.

    Parameters
    ----------
    rows, scores, hits
        For each range the number of rows, the sum of their scores, and how often it came.

    References
    ----------
    DeGroot and Fienberg, The comparison and evaluation of forecasters, The Statistician 32, 1983.

    Examples
    --------
    >>> table = Reliability.of_sums([told(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]))])
    >>> table
    Reliability: 2 rows, calibration error 0.1500
      0.1 to 0.2: 1 row, score 0.1000, rate 0.0000
      0.8 to 0.9: 1 row, score 0.8000, rate 1.0000
    """

    rows: tuple[float, ...]
    scores: tuple[float, ...]
    hits: tuple[float, ...]

    @classmethod
    def of_sums(cls, parties: Iterable[Sums]) -> Reliability | None:
        """Add up what parties told (`told`); None where they told of no probabilities."""
        sums = [each for each in parties if _NAMES[0] in each]
        if not sums:
            return None
        added = (
            np.sum([np.asarray(each[name], dtype=np.float64) for each in sums], axis=0)
            for name in _NAMES
        )
        return cls(*(tuple(values.tolist()) for values in added))

    @property
    def error(self) -> float:
        """The expected calibration error: how far rates are from scores, by rows.

        Guo et al., On calibration of modern neural networks, ICML 2017.
        """
        gaps = np.abs(np.asarray(self.scores) - np.asarray(self.hits))
        return float(gaps.sum()) / max(1.0, sum(self.rows))

    @property
    def ranges(self) -> tuple[ScoreRange, ...]:
        """The ranges that hold rows, the lowest first."""
        return tuple(
            ScoreRange(place / RANGES, (place + 1) / RANGES, int(rows), score / rows, hits / rows)
            for place, (rows, score, hits) in enumerate(
                zip(self.rows, self.scores, self.hits, strict=True)
            )
            if rows
        )

    def to_pandas(self) -> pd.DataFrame:
        """Give a row a range: the columns of `ScoreRange`."""
        import pandas as pd

        names = ScoreRange.__slots__
        return pd.DataFrame(
            [[getattr(each, name) for name in names] for each in self.ranges], columns=list(names)
        )

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, fit for JSON."""
        return {"rows": list(self.rows), "scores": list(self.scores), "hits": list(self.hits)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Reliability:
        """Read what `to_dict` wrote."""
        return cls(tuple(plain["rows"]), tuple(plain["scores"]), tuple(plain["hits"]))

    def __repr__(self) -> str:
        lines = [f"Reliability: {sum(self.rows):,.0f} rows, calibration error {self.error:.4f}"]
        lines += [
            f"  {each.lower:g} to {each.upper:g}: {each.rows:,} row{'s' * (each.rows != 1)}, "
            f"score {each.score:.4f}, rate {each.rate:.4f}"
            for each in self.ranges
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head, *_ = repr(self).split("\n")
        names = "".join(f"<th>{name}</th>" for name in ("score", "rows", "mean score", "rate"))
        rows = "".join(
            f"<tr><td>{each.lower:g} to {each.upper:g}</td><td>{each.rows:,}</td>"
            f"<td>{each.score:.4f}</td><td>{each.rate:.4f}</td></tr>"
            for each in self.ranges
        )
        return (
            f"<p><b>{escape(head)}</b></p>"
            f"<table><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>"
        )


_NAMES: Final = ("sure-rows", "sure", "sure-hits")


def told(
    probabilities: NDArray[np.float64], truth: NDArray[np.intp]
) -> dict[str, float | int | list[int] | list[float]]:
    """Add up, by range of how sure the model is, rows, how sure it was, and how often right.

    Parameters
    ----------
    probabilities
        Rows x classes.
    truth
        The number of each row's class.
    """
    if probabilities.shape[1] == _BINARY:
        sure, right = probabilities[:, 1], truth == 1
    else:
        sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    place = np.clip(np.nan_to_num(sure) * RANGES, 0, RANGES - 1).astype(np.intp)

    def added(values: NDArray[np.float64] | None) -> list[float]:
        sums: list[float] = np.bincount(place, values, minlength=RANGES).tolist()
        return [float(value) for value in sums]

    return {
        "sure-rows": added(None),
        "sure": added(sure),
        "sure-hits": added(right.astype(np.float64)),
    }
