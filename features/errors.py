"""The errors oresight raises for things that are not its own fault.

Each error takes facts and words the sentence itself: what was wanted, what was
found, where, and what to do. Raising one never logs, alerts or talks to a
service; the command line turns it into an exit code.
"""

__all__ = [
    "BadInput",
    "ConfigError",
    "ContractError",
    "LeakageError",
    "OresightError",
    "UnknownCode",
]


class OresightError(Exception):
    """Base of all errors that a user can act on; `exit_code` is what the command line returns."""

    exit_code = 1


class ConfigError(OresightError):
    """A setting or argument is wrong."""

    exit_code = 2


class BadInput(OresightError):
    """A file, row or field of input data is not what was expected."""

    exit_code = 3

    def __init__(self, *, where: str, expected: str, found: str, remedy: str) -> None:
        self.where, self.expected, self.found, self.remedy = where, expected, found, remedy
        super().__init__(f"{where}: expected {expected}, found {found}. {remedy}")


class UnknownCode(BadInput):
    """A code is in none of the catalogue's lists, so a person has to classify it."""

    def __init__(self, *, kind: str, code: object, where: str, remedy: str | None = None) -> None:
        self.kind, self.code = kind, code
        super().__init__(
            where=where,
            expected=f"a {kind} of the catalogue",
            found=repr(code),
            remedy=remedy or f"Add it to features/catalog or correct the {kind}.",
        )


class ContractError(OresightError):
    """A table about to be published breaks its contract; nothing was published."""


class LeakageError(OresightError):
    """A feature knows the answer; the table must not be used for training or scoring."""
