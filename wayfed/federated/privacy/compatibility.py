"""What can go with what in a run: a table, read by the checks before binding and by the docs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Collection


class Trait(StrEnum):
    """What a run may have that does not go with everything; said as a user would ask for it."""

    EXAMPLE_PRIVACY = "privacy=wf.dp(unit='example')"
    CLIENT_PRIVACY = "privacy=wf.dp(unit='client')"
    SECURE_AGGREGATION = "secure_aggregation=True"
    ROBUST = "a robust strategy (fedmedian, fedtrimmedavg, krum)"
    OTHER_STRATEGY = "another strategy than fedavg"
    SAMPLED_PARTIES = "fraction_train below 1"
    CLASSIFIED = "measures of a classification (test=)"
    REGRESSED = "measures of a regression (test=)"
    FOUND_CLASSES = "a classification without classes="
    BALANCED = "class_weight='balanced'"
    FITTED = "features fitted to the rows (standardize=, impute='mean', one_hot=)"
    CANNOT_CLIP = "a model that cannot clip (scikit-learn's)"
    SUMS = "a model that is made of sums (naive_bayes, kmeans)"
    FRESH = "refresh='round'"
    OWN_CODE = "a Flower client of one's own"


@dataclass(frozen=True, slots=True)
class Pair:
    """Whether two things go together, and why.

    Parameters
    ----------
    one, other
        The two.
    goes
        Whether a run may have both.
    why
        The reason, or what then holds.
    remedy
        What to do instead.
    """

    one: Trait
    other: Trait
    goes: bool
    why: str
    remedy: str = ""


_KNOWN: Final = (
    "what is known beforehand: wf.features(standardize={'x': (40, 15)}, one_hot={'y': ['a', 'b']})"
)
_WEIGHTS: Final = "weights that are known beforehand: class_weight={0: 1.0, 1: 5.0}"
_NOT_TOLD: Final = "what rows say of themselves is not told under privacy"

PAIRS: Final = (
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.SECURE_AGGREGATION,
        True,
        "each party's update has its own noise, and is hidden besides",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.ROBUST,
        True,
        "what is done with noisy updates costs no more",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.OTHER_STRATEGY,
        True,
        "what is done with noisy updates costs no more",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.SAMPLED_PARTIES,
        True,
        "each party pays for all rounds: who is asked is not secret, so nothing is gained by it",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.CLASSIFIED,
        True,
        "from a histogram of the held-out rows, with noise that is paid for",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.REGRESSED,
        False,
        "an error has no bound, so that no noise hides one row's",
        "test=None, and measure the model on rows of your own",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.FOUND_CLASSES,
        False,
        _NOT_TOLD,
        "classes=[…] names the label's values",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.BALANCED,
        False,
        _NOT_TOLD,
        _WEIGHTS,
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.FITTED,
        False,
        _NOT_TOLD,
        _KNOWN,
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.CANNOT_CLIP,
        False,
        "the gradient of each row has to be cut",
        "wf.models.logistic_regression(), linear_regression() or mlp()",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.SUMS,
        False,
        "its sums are over rows, and have no bound that noise could be made for",
        "wf.models.logistic_regression(), linear_regression() or mlp()",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.FRESH,
        False,
        "a run is paid for once, for the rows that it began with",
        "a run of its own for new rows, which is paid for by itself",
    ),
    Pair(
        Trait.EXAMPLE_PRIVACY,
        Trait.OWN_CODE,
        False,
        "nobody but its author knows what a client tells",
        "a model of wf.models, or Flower's own privacy within the client",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.SECURE_AGGREGATION,
        False,
        "the coordinator cuts each update, which it then cannot see",
        "one of the two; unit='example' goes with it",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.ROBUST,
        False,
        "a median or a choice of updates has no known sensitivity to one of them",
        "strategy='fedavg'",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.OTHER_STRATEGY,
        False,
        "noise is made for the mean of equally weighted updates",
        "strategy='fedavg'",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.SAMPLED_PARTIES,
        False,
        "Flower draws a fixed number of parties from a known seed, which hides nobody",
        "fraction_train=1.0",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.CLASSIFIED,
        False,
        "a party's measures are about all its rows, and noise for them leaves nothing",
        "test=None, and measure the model on rows of your own",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.REGRESSED,
        False,
        "a party's measures are about all its rows, and noise for them leaves nothing",
        "test=None, and measure the model on rows of your own",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.FOUND_CLASSES,
        False,
        _NOT_TOLD,
        "classes=[…] names the label's values",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.BALANCED,
        False,
        _NOT_TOLD,
        _WEIGHTS,
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.FITTED,
        False,
        _NOT_TOLD,
        _KNOWN,
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.CANNOT_CLIP,
        True,
        "the update is cut as a whole, whatever made it",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.SUMS,
        False,
        "its sums are over rows, and have no bound that noise could be made for",
        "wf.models.logistic_regression(), linear_regression() or mlp()",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.FRESH,
        False,
        "a run is paid for once, for the rows that it began with",
        "a run of its own for new rows, which is paid for by itself",
    ),
    Pair(
        Trait.CLIENT_PRIVACY,
        Trait.OWN_CODE,
        False,
        "a client's first answer and its figures are its own",
        "a model of wf.models",
    ),
    Pair(
        Trait.SECURE_AGGREGATION,
        Trait.ROBUST,
        False,
        "a median or a choice of updates has to see each of them",
        "strategy='fedavg'",
    ),
    Pair(
        Trait.SECURE_AGGREGATION,
        Trait.OTHER_STRATEGY,
        True,
        "where it works on the mean of the updates, as fedavgm and fedadam do",
    ),
    Pair(
        Trait.SECURE_AGGREGATION,
        Trait.SAMPLED_PARTIES,
        True,
        "those who are asked make masks for the round; there are at least three of them",
    ),
    Pair(
        Trait.SECURE_AGGREGATION,
        Trait.SUMS,
        False,
        "its parties tell sums that are not averaged",
        "logistic_regression(), mlp() or another model that is trained in steps",
    ),
    Pair(
        Trait.SECURE_AGGREGATION,
        Trait.BALANCED,
        True,
        "each party tells how many rows it has of each class before training; updates are hidden",
    ),
    Pair(
        Trait.SECURE_AGGREGATION,
        Trait.FRESH,
        True,
        "those who have made their arrays anew make masks for the round",
    ),
    Pair(
        Trait.SECURE_AGGREGATION,
        Trait.OWN_CODE,
        False,
        "nobody but its author knows what a client tells beside its update",
        "a model of wf.models",
    ),
    Pair(
        Trait.SECURE_AGGREGATION,
        Trait.CLASSIFIED,
        True,
        "measures are sums that each party tells by itself; secure aggregation hides updates",
    ),
    Pair(
        Trait.SECURE_AGGREGATION,
        Trait.REGRESSED,
        True,
        "measures are sums that each party tells by itself; secure aggregation hides updates",
    ),
)


def check_together(traits: Collection[Trait]) -> None:
    """Raise where a run has two things that do not go together.

    Raises
    ------
    InvalidOption
        Names both, the reason and the remedy; all pairs at once.

    Examples
    --------
    >>> check_together({Trait.EXAMPLE_PRIVACY, Trait.ROBUST})
    >>> check_together({Trait.CLIENT_PRIVACY, Trait.ROBUST})
    Traceback (most recent call last):
    wayfed_optimizer.errors.InvalidOption: privacy=wf.dp(unit='client') does not go with ...
    """
    wrong = [p for p in PAIRS if not p.goes and p.one in traits and p.other in traits]
    if not wrong:
        return
    sentences = [f"{p.one} does not go with {p.other}: {p.why}" for p in wrong]
    remedies = dict.fromkeys(pair.remedy for pair in wrong)
    raise InvalidOption("\n  ".join(sentences), hint="; ".join(remedies))


def as_markdown() -> str:
    """Return the table as docs/privacy.md shows it."""
    rows = [
        f"| `{p.one}` | {p.other} | {'yes' if p.goes else '**no**'} | {p.why} | {p.remedy} |"
        for p in PAIRS
    ]
    head = ["| this | with this | goes | why | instead |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"
