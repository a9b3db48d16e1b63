"""Policies from the environment, for hosts that construct the middleware themselves and pass it nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module

from ratelimit.errors import DiscoveryError
from ratelimit.policy import Policy

#: The environment variable that names the policy.
VARIABLE = "RATELIMIT_POLICY"


def discover(environ: Mapping[str, str] = os.environ) -> tuple[Policy, ...]:
    """Return the policies that ``RATELIMIT_POLICY=package.module:name`` names; the default policy if it is not set.

    *name* (dots reach into it) is a ``Policy``, a sequence of them, or a function of no arguments that returns either.
    Raises: DiscoveryError.

    >>> discover({}) == (Policy(),)
    True
    """
    named = environ.get(VARIABLE, "").strip()
    return load(named, said=f"{VARIABLE}={named}") if named else (Policy(),)


def load(named: str, *, said: str) -> tuple[Policy, ...]:
    """Return the policies that *named*, written ``package.module:name``, stands for; errors begin with *said*."""
    return _Named(named, said).policies()


def policies_in(found: object, *, said: str) -> tuple[Policy, ...]:
    """Return the policies that *found* is, or returns; errors begin with *said*. Raises: DiscoveryError."""
    return _Named("", said).made_of(found)


def find(named: str, *, said: str) -> object:
    """Return what *named*, written ``package.module:name``, stands for. Raises: DiscoveryError, begins with *said*."""
    return _Named(named, said).found()


class _Named:
    """One such name; every error begins with where it was said."""

    def __init__(self, named: str, said: str) -> None:
        self._named, self._said = named, said

    def policies(self) -> tuple[Policy, ...]:
        return self.made_of(self.found())

    def made_of(self, found: object) -> tuple[Policy, ...]:
        if callable(found) and not isinstance(found, Policy):
            try:
                found = found()
            except Exception as error:
                raise self._error(f"calling it raised {type(error).__name__}: {error}") from error
        policies = (found,) if isinstance(found, Policy) else found
        if not isinstance(policies, Sequence) or not policies or not all(isinstance(one, Policy) for one in policies):
            raise self._error(
                "must be a Policy, a sequence of at least one, or a function of no arguments that returns either; "
                f"got {found!r}"
            )
        return tuple(policies)

    def found(self) -> object:
        module, _, name = self._named.partition(":")
        if not module or not name:
            raise self._error("must be written package.module:name")
        found: object = self._module(module)
        for part in name.split("."):
            if not hasattr(found, part):
                raise self._error(f"{module} has no {name}; it must be defined at the top of the module")
            found = getattr(found, part)
        return found

    def _module(self, module: str) -> object:
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise self._error(f"importing {module} failed: {error}") from error
            raise self._error(f"there is no module {error.name}; put its folder on PYTHONPATH") from error
        except Exception as error:
            raise self._error(f"importing {module} raised {type(error).__name__}: {error}") from error

    def _error(self, problem: str) -> DiscoveryError:
        return DiscoveryError(f"{self._said}: {problem}")
