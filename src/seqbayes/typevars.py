"""Type variables of states, which default to Any if a state is not parametrised.

H stands for the hyperparameters, E for an estimate of the parameter, I for its interval and X for
a predicted observation.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    H = TypeVar("H", default=Any)
    E = TypeVar("E", default=Any)
    I = TypeVar("I", default=Any)  # noqa: E741
    X = TypeVar("X", default=Any)
else:
    from typing import TypeVar

    H, E, I, X = map(TypeVar, "HEIX")  # noqa: E741
