"""The systems beside MinIO that follow the documents, found by entry points: dependencies go one way.

A package names a function under `bucket_policies.mirrors`; it opens what `mirror.Mirror` asks for, with the
settings of its own. A machine that does not have these settings leaves its systems out and says so.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points

from bucket_policies.errors import NotGivenError
from bucket_policies.mirror import Mirror

GROUP = "bucket_policies.mirrors"

Open = Callable[[], Sequence[Mirror]]


@dataclass(frozen=True)
class OtherSystems:
    """What can be compared here, and a line for what cannot."""

    mirrors: Sequence[Mirror]
    left_out: Sequence[str]


@contextmanager
def other_systems(openers: Sequence[Open] | None = None) -> Iterator[OtherSystems]:
    """Open the systems of all entry points for the length of the context.

    Raises:
        SettingsError: their settings are given and cannot be used.
    """
    if openers is None:
        openers = [point.load() for point in entry_points(group=GROUP)]
    mirrors, left_out = [], []
    with ExitStack() as stack:
        for open_mirrors in openers:
            try:
                mirrors += [stack.enter_context(closing(one)) for one in open_mirrors()]
            except NotGivenError as error:
                left_out.append(str(error))
        yield OtherSystems(mirrors, left_out)
