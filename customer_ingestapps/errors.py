"""What can go wrong between bytes and columns.

IngestAppError
├── ContractError       an app.toml breaks the rules: the admin's fault, no file is to blame
├── ProposalError      no app can be proposed from a sample without being told more
├── FileRejected        a file cannot be loaded as it is: the customer's fault, reading it again will not help
└── ReaderDisagreement  two parts of the reader count differently: a fault of this package
"""

from customer_ingestapps.reasons import Reason


class IngestAppError(Exception):
    """Root of this package's errors; never raised itself."""


class ContractError(IngestAppError):
    """An app's declaration is refused; the message names file, key, value and what is allowed."""


class ReaderDisagreement(IngestAppError):  # noqa: N818 - named as the fact it states
    """The structure scan and the field reader do not see the same rows."""


class ProposalError(IngestAppError):
    """No app can be proposed from a sample; the message says what has to be told."""


class FileRejected(IngestAppError):  # noqa: N818 - an outcome of a load, as its ledger status
    """A whole file cannot be loaded.

    `line` is the physical line (the first is 1), `column` the file's own name of it, `offset` counts the
    bytes of the decompressed file.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        line: int | None = None,
        column: str | None = None,
        offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.line = line
        self.column = column
        self.offset = offset
