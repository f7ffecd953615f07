"""Exceptions as they were recorded -> failures, by type and errno of all that is behind them, never by message."""

import errno
import socket
import ssl

import pytest

from console.clients.wire import failure_of
from console.model.failure import Failure


def caused(outer, inner):
    outer.__cause__ = inner
    return outer


def in_context(outer, inner):
    outer.__context__ = inner
    return outer


RECORDED = [
    (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)"), Failure.REFUSED),
    (OSError(errno.ENETUNREACH, "Network is unreachable"), Failure.NO_NETWORK),
    (OSError(errno.EHOSTUNREACH, "No route to host"), Failure.NO_HOST),
    (OSError(errno.ETIMEDOUT, "Connection timed out"), Failure.TIMED_OUT),
    (TimeoutError(), Failure.TIMED_OUT),
    (TimeoutError(), Failure.TIMED_OUT),
    (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), Failure.CLOSED),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), Failure.CLOSED),
    (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Failure.UNRESOLVED),
    (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), Failure.UNRESOLVED),
    (ssl.SSLCertVerificationError(1, "certificate verify failed"), Failure.TLS),
    (caused(RuntimeError("All connection attempts failed"), OSError(errno.EHOSTUNREACH, "")), Failure.NO_HOST),
    (in_context(RuntimeError(""), ConnectionRefusedError(errno.ECONNREFUSED, "")), Failure.REFUSED),
    (ExceptionGroup("multiple", [OSError(errno.ECONNREFUSED, ""), OSError(errno.ECONNREFUSED, "")]), Failure.REFUSED),
    (ConnectionError("connection refused, says the text only"), Failure.CLOSED),
]


@pytest.mark.parametrize(("error", "failure"), RECORDED, ids=lambda value: repr(value)[:60])
def test_a_recorded_exception_is_its_failure(error, failure):
    assert failure_of(error) is failure
