"""The pipeline and its ceiling as contestants."""

import time
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.ceiling import Ceiling
from benchmarks.contestant import ContestantError, Turn
from benchmarks.datasets import Dataset
from benchmarks.flights import encoded_chunks
from benchmarks.pipeline import CUSTOMER, Pipeline
from customer_ingestapps.contract import AppContract
from customer_ingestapps.registry import IngestApp
from ingest_manager.cassandra.cassandra_session import CassandraSession
from ingest_manager.errors import IngestError

PIPELINE = "pipeline"


class PipelineTurn:
    """A staged object from its event to its outcome; the CPU is that of the manager and its workers."""

    name = PIPELINE

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def load(self, dataset: Dataset, path: Path) -> Turn:
        """Load a file."""
        body = path.read_bytes()
        key = f"{dataset.table(path.suffix[1:])}-{uuid.uuid4()}{path.suffix}"
        cpu_before = self._pipeline.cpu_seconds()
        event = self._pipeline.put(key, body)
        arrived_at = datetime.now(UTC)
        try:
            outcome = self._pipeline.loaded(event)
        except RuntimeError as error:
            raise ContestantError(str(error)) from error
        ended_at: datetime = outcome["ended_at"].replace(tzinfo=UTC)
        seconds = (ended_at - arrived_at).total_seconds()
        return Turn(float(outcome["rows_written"]) / seconds, self._pipeline.cpu_seconds() - cpu_before)


class CeilingTurn:
    """The same cells, encoded beforehand; the CPU is that of sending alone."""

    def __init__(self, session: CassandraSession, dataset: Dataset, path: Path, name: str) -> None:
        self.name = name
        contract = AppContract.model_validate(tomllib.loads(dataset.app()))
        app = IngestApp(CUSTOMER, dataset.name, "0", path.parent, contract)
        chunks = encoded_chunks(app, path.read_bytes(), key=f"{dataset.name}-1.csv")
        self._ceiling = Ceiling(session, CUSTOMER, contract, chunks)

    def load(self, dataset: Dataset, path: Path) -> Turn:  # noqa: ARG002 - built for one file
        """Send everything again."""
        cpu_before = time.process_time()
        try:
            rate = self._ceiling.send()
        except IngestError as error:
            raise ContestantError(str(error)) from error
        return Turn(rate, time.process_time() - cpu_before)
