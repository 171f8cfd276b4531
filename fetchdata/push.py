"""A push, in its order: list the folder, log in, check every file, hash, ask for grants, put, report.

A file that breaks a rule, or cannot be read or sent, is told about in the report and never stops the others.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bucket_policies.api import GrantedFile, OfferedFile
from bucket_policies.rules import FileRules, Violation, escaped
from fetchdata.api import MOST_FILES, AuthService
from fetchdata.errors import FileError
from fetchdata.files import SourceFile, list_files
from fetchdata.progress import Watcher
from fetchdata.report import FileOutcome, Report
from fetchdata.upload import Shipment, Uploader


@dataclass(frozen=True)
class Push:
    """Sends folders, with the services that it needs."""

    auth: AuthService
    uploader: Uploader
    watcher: Watcher

    def run(self, folder: Path) -> Report:
        """Send every file of a folder that may be sent.

        Raises:
            FetchdataError: nothing was sent; whatever concerns one file alone is in the report.
        """
        listing = list_files(folder)
        for path in listing.skipped:
            self.watcher.notice(f"skipped, not a regular file: '{escaped(str(path))}'")
        outcomes = judge(listing.files, self.auth.constraints())
        self._hash([outcome for outcome in outcomes if outcome.may_be_sent])
        return Report(self._offer_and_put(outcomes), outcomes)

    def _hash(self, outcomes: Sequence[FileOutcome]) -> None:
        with self.watcher.stage("checking", sum(outcome.file.size for outcome in outcomes)) as advance:
            for outcome in outcomes:
                try:
                    outcome.sha256 = outcome.file.sha256(advance)
                except FileError as error:
                    outcome.failure = error

    def _offer_and_put(self, outcomes: Sequence[FileOutcome]) -> str | None:
        manifest = {
            OfferedFile(name=outcome.file.name, size=outcome.file.size, sha256=outcome.sha256): outcome
            for outcome in outcomes
            if outcome.sha256
        }
        if not manifest:
            return None
        answer = self.auth.offer(tuple(manifest))
        granted = []
        for outcome, file in zip(manifest.values(), answer.files, strict=True):
            if isinstance(file, GrantedFile):
                outcome.key = file.key
                granted.append((outcome, file))
            else:
                outcome.violations.extend(file.violations)
        self._put(granted)
        return answer.upload_id

    def _put(self, granted: Sequence[tuple[FileOutcome, GrantedFile]]) -> None:
        failures = self.uploader.put_all([Shipment(outcome.file, grant) for outcome, grant in granted])
        for (outcome, _), failure in zip(granted, failures, strict=True):
            outcome.failure = failure
            outcome.is_accepted = failure is None


def judge(files: Iterable[SourceFile], rules: FileRules) -> tuple[FileOutcome, ...]:
    """Check every file on its own, then the names against each other, then the number of those left."""
    outcomes = tuple(FileOutcome(file, rules.violations(file.name, file.size)) for file in files)
    names = Counter(outcome.file.name for outcome in outcomes)
    for outcome in outcomes:
        if names[outcome.file.name] > 1:
            outcome.violations.append(_name_clash(outcome.file))
    sendable = [outcome for outcome in outcomes if outcome.may_be_sent]
    limit = min(rules.number_files, MOST_FILES)
    for outcome in sendable[limit:]:
        outcome.violations.append(_too_many_files(len(sendable), limit))
    return outcomes


def _name_clash(file: SourceFile) -> Violation:
    on_disk = ascii(str(file.path))[1:-1]  # the letters that differ look the same: show their codes
    message = f"'{on_disk}' would be stored under the same name as another file; rename one"
    return Violation(rule="name_clash", value=on_disk, limit="one file for each name", message=message)


def _too_many_files(count: int, limit: int) -> Violation:
    message = f"{count} files, an upload may have {limit}; send the rest in another one"
    return Violation(rule="too_many_files", value=count, limit=limit, message=message)
