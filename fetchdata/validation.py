"""A check before a push, in its order: list the folder, log in, judge every name and size, read the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bucket_policies.rules import escaped
from fetchdata.api import AuthService
from fetchdata.checking import Checker, declared_apps
from fetchdata.errors import FileError, UsageError
from fetchdata.files import list_files
from fetchdata.progress import Watcher
from fetchdata.push import judge
from fetchdata.verdicts import CheckedFile, Verdicts


@dataclass(frozen=True)
class Validation:
    """Checks folders; sends nothing."""

    auth: AuthService
    customer: str
    watcher: Watcher

    def run(self, folder: Path, *, output: Path | None, most_rejects: int | None) -> Verdicts:
        """Check every file of a folder; keep rejects in an output folder, if there is one.

        Raises:
            FetchdataError: nothing could be checked; whatever concerns one file alone is in the verdicts.
        """
        if output and output.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"the rejects cannot go into the folder that is checked, '{folder}'")
        listing = list_files(folder)
        for path in listing.skipped:
            self.watcher.notice(f"skipped, not a regular file: '{escaped(str(path))}'")
        constraints, apps = self.auth.constraints(), self.auth.apps()
        files = [CheckedFile(outcome) for outcome in judge(listing.files, constraints)]
        with declared_apps(self.customer, apps) as registry:
            transformed = frozenset(app.name for app in apps if app.has_transform)
            checker = Checker(self.customer, registry, constraints, transformed, most_rejects, output)
            self._read(checker, [file for file in files if file.outcome.may_be_sent])
        return Verdicts(files)

    def _read(self, checker: Checker, files: Sequence[CheckedFile]) -> None:
        with self.watcher.stage("checking", sum(file.outcome.file.size for file in files)) as advance:
            for file in files:
                try:
                    file.verdict = checker.check(file.outcome.file, advance)
                except FileError as error:
                    file.outcome.failure = error
