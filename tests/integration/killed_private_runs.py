"""Trains under privacy in processes that are killed, and goes on with what they left.

Run by test_killed_private_runs: prints a line of JSON for each run that was killed.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wayfed as wf
from tests.integration.killed_runs import BANKS, federation
from tests.integration.killing import Kill, asked_for_kills, in_a_process, killer
from wayfed.federated.privacy.accounting import cost_of
from wayfed.federated.privacy.ledger import Ledger
from wayfed.federated.privacy.settling import Settled
from wayfed.federated.releases import Release
from wayfed.federated.run import run_federated
from wayfed.federated.runs.resuming import resume

ROUNDS = 5
CALLS = {"local": 400, "processes": 60}
"""Audited calls after a round within which a run is killed. A round makes about 300 where three
parties note twice each what they tell; it makes fewer where that is done in other processes."""
PRIVATE = wf.dp(epsilon=1.0, delta=1e-6, clip=1.0)


def private_federation(root: Path) -> dict[str, Any]:
    """Describe three banks with ledgers of their own, which pay for all that may happen here."""
    described = federation(root)
    for bank in BANKS:
        privacy = {"epsilon": 1e4, "delta": 0.5, "ledger": str(root / f"{bank}.ledger")}
        described["party"][bank]["policy"] = {"privacy": privacy}
    return described


def recorder(path: Path) -> Callable[[Release], None]:
    """Write down who told what; what is written stays when this process is killed."""

    def record(release: Release) -> None:
        if release.kind.value in ("update", "metrics"):
            with path.open("a") as file:
                file.write(f"{release.party} {release.stage}\n")

    return record


def train(parties: dict[str, Any], runner: str, kill: Kill, directory: Path) -> None:
    """Train from the beginning."""
    with wf.context(env="federated", parties=parties) as ctx:
        run_federated(
            ctx.read("tx").to_numpy(),
            label="late",
            classes=[False, True],
            model=wf.models.logistic_regression(),
            strategy="fedadam",
            rounds=ROUNDS,
            runner=runner,
            privacy=PRIVATE,
            checkpoint=directory,
            on_round=killer(ctx, kill),
            record=recorder(directory / "told"),
        )


def go_on(parties: dict[str, Any], runner: str, kill: Kill | None, directory: Path) -> None:
    """Go on with a run, and write down what comes of it."""
    (checkpoint,) = directory.glob("*.checkpoint")
    with wf.context(env="federated", parties=parties) as ctx:
        run = resume(
            ctx,
            checkpoint,
            None,
            runner=runner,
            rounds=None,
            allow_changed=False,
            on_round=killer(ctx, kill),
            record=recorder(directory / "told"),
        )
    spent = {name: each.epsilon for name, each in (run.privacy_spent or {}).items()}
    told = {"status": run.status, "rounds": len(run.history), "spent": spent}
    (directory / "result").write_text(json.dumps(told))


def outcome(
    parties: dict[str, Any], runner: str, directory: Path, kills: tuple[Kill, Kill]
) -> dict[str, Any]:
    """Train until that is killed, go on until that is, go on to the end; tell what it cost."""
    directory.mkdir()
    first, second = kills
    ended = [
        in_a_process(lambda: train(parties, runner, first, directory)),
        in_a_process(lambda: go_on(parties, runner, second, directory)),
        in_a_process(lambda: go_on(parties, runner, None, directory)),
    ]
    result = directory / "result"
    told = json.loads(result.read_text()) if result.exists() else {}
    counted = Counter((directory / "told").read_text().splitlines())
    (checkpoint,) = directory.glob("*.checkpoint")
    accounts = {
        bank: account(directory.parent / f"{bank}.ledger", checkpoint.stem, bank, counted)
        for bank in BANKS
    }
    return {"ended": ended, "accounts": accounts, **told}


def account(path: Path, run: str, bank: str, counted: Counter[str]) -> dict[str, Any]:
    """Tell what a ledger says of a run, and what arrived of it."""
    book = Ledger(path).read()
    (key,) = (key for key, each in book.runs.items() if each.run == run)
    standing = book.runs[key]
    (charge,) = (each for each in book.charges if each.key == key)
    arrived = {kind: counted[f"{bank} {kind}"] for kind in ("train", "evaluate")}
    sides = Settled.from_plain(standing.settled).sides(max(arrived.values()))
    return {
        "paid": standing.rounds,
        "noted": dict(standing.told),
        "arrived": arrived,
        "charged": charge.epsilon,
        "cost": max(cost_of(side, charge.delta) for side in sides),
        "composed": charge.sides == Settled.from_plain(standing.settled).sides(standing.rounds),
    }


def main() -> None:
    """Kill runs at random places, and go on with each of them."""
    asked = asked_for_kills()
    parties = private_federation(asked.root)
    chance = random.Random(asked.seed)
    calls = CALLS[asked.runner]
    for number in range(asked.kills):
        first = 1 if asked.party is None else 2
        kills = (
            Kill(first, chance.randrange(calls), asked.party),
            Kill(3, chance.randrange(calls)),
        )
        told = outcome(parties, asked.runner, asked.root / str(number), kills)
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
