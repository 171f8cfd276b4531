"""What can stop `fetchdata`, and the exit code that each fault ends it with.

FetchdataError
├── UsageError          2  the command line, a setting or the folder is wrong
├── LoginError          3  the user or the password is not accepted
├── UnreachableError    4  a server does not answer, or says that it cannot now
│   └── BusyError       4  the same, and nothing has been done yet: asking again does no harm
├── TrustError          4  a server's certificate is not trusted
├── NotThereError       1  what was asked for is not there, or not any more
├── AnswerError         4  a server answered something that is not an answer of ours
└── FileError           –  one file cannot be sent; it becomes a violation in the report and stops no other
"""

from bucket_policies.rules import Violation


class FetchdataError(Exception):
    """Root of this package's errors; the message is the one line that the customer reads."""

    exit_code = 1


class UsageError(FetchdataError):
    """The command line, a setting or the folder is wrong."""

    exit_code = 2


class LoginError(FetchdataError):
    """The user or the password is not accepted."""

    exit_code = 3


class UnreachableError(FetchdataError):
    """A server does not answer, or says that it cannot now."""

    exit_code = 4


class BusyError(UnreachableError):
    """A server did nothing with the request, so that it may be sent again."""


class TrustError(FetchdataError):
    """A server's certificate is not trusted."""

    exit_code = 4


class NotThereError(FetchdataError):
    """What was asked for is not there, or not any more."""


class AnswerError(FetchdataError):
    """A server answered something that is not an answer of ours."""

    exit_code = 4


class FileError(FetchdataError):
    """One file cannot be sent: `unreadable`, `changed`, `clock`, `unreachable` or `upload`."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule

    def violation(self) -> Violation:
        """Give the entry that the report shows for the file."""
        return Violation(rule=self.rule, value="", limit="", message=str(self))
