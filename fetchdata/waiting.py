"""After a push: asking the status service until the load of every accepted file is over, or the time is."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fetchdata.api import MOST_FILES, Load, StatusService
from fetchdata.errors import FetchdataError
from fetchdata.progress import Watcher
from fetchdata.report import FileOutcome, Report

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 3.0


@dataclass(frozen=True)
class Waiting:
    """Waits for loads; a status service that is away for a while is asked again."""

    status: StatusService
    watcher: Watcher
    timeout_seconds: float
    sleep: Callable[[float], None] = time.sleep

    def complete(self, report: Report) -> Report:
        """Fill in the load of every accepted file, as far as the time allows."""
        accepted = [outcome for outcome in report.outcomes if outcome.is_accepted]
        if accepted and report.upload_id:
            self._fill_in(accepted, report.upload_id)
        return replace(report, has_waited=True)

    def _fill_in(self, accepted: Sequence[FileOutcome], upload_id: str) -> None:
        over = 0
        with self.watcher.stage("loading", len(accepted)) as advance:
            for loads in self._polls(upload_id):
                for outcome in accepted:
                    outcome.load = loads.get(outcome.key, outcome.load)
                before, over = over, sum(outcome.is_over for outcome in accepted)
                advance(over - before)
                if over == len(accepted):
                    return

    def _polls(self, upload_id: str) -> Iterator[Mapping[str | None, Load]]:
        deadline, pause = time.monotonic() + self.timeout_seconds, FIRST_PAUSE_SECONDS
        has_warned = False
        while True:
            try:
                loads = self.status.loads(upload=upload_id, limit=MOST_FILES)
            except FetchdataError as error:
                if not has_warned:
                    self.watcher.notice(f"{error}; still waiting")
                has_warned = True
            else:
                yield {load.key: load for load in loads if load.status != "duplicate"}
            if time.monotonic() >= deadline:
                return
            self.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE_SECONDS)
