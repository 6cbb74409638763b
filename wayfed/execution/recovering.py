"""What a run does about a failure: try again a little later, or without the platform that is gone.

Only where nobody has been given a row yet, and where every source can be read again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wayfed.execution.report import PLACED_ELSEWHERE, Placement, Recovery
from wayfed_optimizer.errors import (
    Cancelled,
    Failure,
    PlacedElsewhere,
    PlanError,
    WayfedError,
    warn_user,
)
from wayfed_optimizer.stages import plan

if TYPE_CHECKING:
    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.environment import Environment
    from wayfed_optimizer.stages import Stages

AGAIN: Final = (0.05, 0.2)
"""Seconds to wait before a fragment is tried again, in the run that it is part of."""

ANEW: Final = (0.1, 0.5, 2.0)
"""Seconds to wait before the whole run begins anew, with another snapshot."""

_STEP_SECONDS: Final = 0.1


def line_of(error: WayfedError) -> str:
    """Return the first line of what an error says."""
    return error.message.split("\n", maxsplit=1)[0]


class Recoveries:
    """What may still be tried in a run.

    Parameters
    ----------
    stages, environment
        The plan as it was made first, and what it was placed in.
    """

    def __init__(self, stages: Stages, environment: Environment) -> None:
        self.stages, self.environment = stages, environment
        self._pauses = iter(ANEW)
        self._tried = 0

    def recover(
        self, error: WayfedError, culprit: str | None, token: CancellationToken
    ) -> Recovery:
        """Return what is to be done about an error; `stages` are then what to begin anew with.

        Parameters
        ----------
        error
            What went wrong.
        culprit
            The platform on which it did, where the error itself does not say.
        token
            Whether the run was stopped.

        Raises
        ------
        WayfedError
            The same one, where nothing can be done.
        """
        token.raise_if_cancelled()
        if isinstance(error, Cancelled):
            raise error
        platform = getattr(error, "platform", None)
        platform = platform if platform in self.environment.platforms else culprit
        fragment = getattr(error, "fragment", None)
        if error.failure is Failure.LOST and platform is not None:
            return self._elsewhere(error, platform, fragment)
        seconds = next(self._pauses, None) if error.failure is Failure.TRANSIENT else None
        if seconds is None:
            if self._tried:
                error.message += f" (tried {self._tried + 1} times)"
            raise error
        self._tried += 1
        return Recovery(fragment, platform, line_of(error), "restarted", seconds)

    def _elsewhere(self, error: WayfedError, platform: str, fragment: str | None) -> Recovery:
        others = {n: p for n, p in self.environment.platforms.items() if n != platform}
        environment = replace(self.environment, platforms=others)
        try:
            stages = plan(self.stages.logical, environment)
        except PlanError:  # its tables lie there, the user asked for it, or nobody else can do it
            raise error from error.__cause__
        self.stages, self.environment = stages, environment
        placed = tuple(Placement(f.id, f.platform) for f in stages.physical.fragments)
        instead = ", ".join(dict.fromkeys(each.platform for each in placed))
        told = line_of(error).removeprefix(f"{platform}: ")
        warn_user(f"{platform} cannot be had: {told}. Ran on {instead} instead", PlacedElsewhere)
        return Recovery(fragment, platform, line_of(error), PLACED_ELSEWHERE, after=placed)


def pause(seconds: float, token: CancellationToken) -> None:
    """Wait in steps, which Ctrl-C ends; raise Cancelled where the run was stopped meanwhile."""
    while seconds > 0 and not token.wait(min(seconds, _STEP_SECONDS)):
        seconds -= _STEP_SECONDS
    token.raise_if_cancelled()
