"""The error tree. Every error says where it happened, what happened, and how to mend it.

::

    RaydeckError                  status 1
    ├── UsageError                status 2: nothing was done
    │   ├── ConfigError           clusters.toml: file, key path, what was expected
    │   ├── ParameterError        a parameter of a bundle: its path, what was expected
    │   └── ReadOnlyError         --read-only or read_only = true forbids it
    ├── SourceError               a dashboard or a Serve route gave no usable answer
    │   ├── UnreachableError      no way there: name, connection, connection lost
    │   │   └── NotSentError      and what was to be sent had not left
    │   ├── SlowError             it accepted, and did not answer within the deadline
    │   │   └── UntoldError           and whether a job was started cannot be told
    │   ├── AuthError             401 or 403: a token is missing or wrong
    │   ├── ReplyError            it answered with an HTTP error
    │   │   └── RefusedError          and what was sent had no effect: the head itself said no
    │   └── NotRayError           it answered, but not what Ray answers
    ├── NotFoundError             no such cluster, job, bundle or output
    ├── PreflightError            a submission that cannot work was refused before it was sent
    ├── JobFailedError            the job ended, and not well
    ├── EmbeddedError             an embedded cluster could not be started or ended
    └── DeadlineError             status 124: what was waited for did not happen in time
"""

from __future__ import annotations


class RaydeckError(Exception):
    """Anything that raydeck can explain. ``str()`` gives ``WHERE: WHAT (HINT)``, one line."""

    exit_status = 1

    def __init__(self, where: str, what: str, hint: str = "") -> None:
        super().__init__(where, what, hint)
        self.where = where
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")
        return " ".join(text.split())


class UsageError(RaydeckError):
    """The call cannot be carried out as it stands; nothing was done."""

    exit_status = 2


class ConfigError(UsageError):
    """``where`` is ``FILE: key.path``."""


class ParameterError(UsageError):
    """``where`` is the parameter's path, such as ``data-parameters.amount``."""


class ReadOnlyError(UsageError):
    """Read-only mode refuses whatever changes anything."""

    def __init__(self, what: str) -> None:
        super().__init__("read-only", f"{what} is refused", "start without --read-only, or set read_only = false")


class SourceError(RaydeckError):
    """``where`` names the cluster or the URL that gave no usable answer."""


class UnreachableError(SourceError):
    """Nothing answers: the name does not resolve, the connection is refused or was lost."""


class NotSentError(UnreachableError):
    """The way there broke before the request that would have changed something had left."""


class SlowError(SourceError):
    """The connection stands, the answer did not come within its deadline."""


class UntoldError(SlowError):
    """A submission was sent, and whether it is a job cannot be told yet; ``submission_id`` is what to look for."""

    def __init__(self, where: str, what: str, hint: str = "", *, submission_id: str) -> None:
        super().__init__(where, what, hint)
        self.submission_id = submission_id


class AuthError(SourceError):
    """The cluster wants a token that we do not have, or refuses ours."""


class ReplyError(SourceError):
    """An HTTP error; ``http_status`` is its code."""

    def __init__(self, where: str, what: str, hint: str = "", *, http_status: int) -> None:
        super().__init__(where, what, hint)
        self.http_status = http_status


class RefusedError(ReplyError):
    """The head said no to what was sent, and nothing came of it."""


class NotRayError(SourceError):
    """Something answers there, but it is not Ray's dashboard."""


class NotFoundError(RaydeckError):
    """What was named does not exist."""


class PreflightError(RaydeckError):
    """The submission would not work; ``what`` says why, ``--force`` overrides."""


class JobFailedError(RaydeckError):
    """The job ended as FAILED or STOPPED."""


class EmbeddedError(RaydeckError):
    """An embedded cluster could not be started or ended."""


class DeadlineError(RaydeckError):
    """The time that was given is over."""

    exit_status = 124
