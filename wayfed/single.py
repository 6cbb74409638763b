"""What a column is not: a single value, that Python could branch on or compute with."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, NoReturn

from wayfed_optimizer.errors import PlanError

if TYPE_CHECKING:
    from wayfed.columns import Scope


class NoSingleValue:
    """What Python asks of single values, refused with a hint at what to write instead."""

    __slots__ = ()

    @property
    @abstractmethod
    def text(self) -> str:
        """The expression as one would write it."""

    @property
    @abstractmethod
    def scope(self) -> Scope | None:
        """The columns that it is bound to already, where a traced function made it."""

    def __bool__(self) -> NoReturn:
        raise PlanError(
            f"'{self.text}' has another value in each row, so Python cannot branch on it",
            hint="combine conditions with & | ~ (not: and or not, a < b < c), and choose values"
            " with wf.when(condition).then(a).otherwise(b)",
        )

    def __contains__(self, item: object) -> NoReturn:
        raise PlanError(
            f"'in' cannot look into '{self.text}', which has another value in each row",
            hint="write column.is_in([…]), or text.contains(part)",
        )

    def __len__(self) -> NoReturn:
        raise PlanError(
            f"'{self.text}' has no length of its own",
            hint="write column.length() for the length of each text, dataset.count() for the rows",
        )

    def __iter__(self) -> NoReturn:
        raise PlanError(
            f"'{self.text}' cannot be iterated over: there is no data in it yet",
            hint="take the rows with to_arrow(), to_numpy() or to_pandas()",
        )

    def __float__(self) -> NoReturn:
        self._refuse_number()

    def __int__(self) -> NoReturn:
        self._refuse_number()

    def __index__(self) -> NoReturn:  # noqa: PLE0305 - refusing is all it does
        self._refuse_number()

    def _refuse_number(self) -> NoReturn:
        raise PlanError(
            f"'{self.text}' has another value in each row, so it is no single number",
            hint="use wayfed's functions instead of math's or numpy's (wf.ln, wf.sqrt, wf.power …),"
            " .cast('int64') instead of int(), or map(fn, schema=…) to run Python on each row",
        )

    def __format__(self, spec: str) -> str:
        if self.scope is None:
            return format(repr(self), spec)
        raise PlanError(
            f"'{self.text}' cannot be put into a text here: it has another value in each row",
            hint="write wf.concat(…), with .cast('text') for what is not a text",
        )
