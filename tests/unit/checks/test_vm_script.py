"""What the VM says of itself, as recorded, hostile, and by the script itself run in a shell here."""

import shlex
import socket
import struct
import subprocess
import threading
from contextlib import contextmanager, suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from console.clients.vm_script import Told, read, script

RECORDED = """== listeners
LISTEN 0      128       10.77.0.10:8100      0.0.0.0:*    users:(("sshd",pid=812,fd=9))
LISTEN 0      128        127.0.0.1:8101      0.0.0.0:*
LISTEN 0      128          0.0.0.0:8102      0.0.0.0:*
LISTEN 0      128             [::]:8102         [::]:*
LISTEN 0      5      127.0.0.1%lo0:8103      0.0.0.0:*    users:(("python3",pid=9,fd=3))
== sessions
0      0      10.77.0.10:22   10.77.0.12:57812 users:(("sshd",pid=811,fd=4)) timer:(keepalive,119min,0)
0      148    10.77.0.10:22   10.77.0.13:57812 users:(("sshd",pid=812,fd=4)) timer:(on,1.2sec,3)
== sshd
gatewayports no
 AllowTcpForwarding YES
== bytes
8100 closed
8101 open
junk
== end
"""


def test_a_recorded_answer_is_read():
    told = read(RECORDED)
    (held,) = told.at(8100)
    assert (held.host, held.program, held.pid) == ("10.77.0.10", "sshd", 812)
    assert told.at(8101)[0].is_loopback
    assert told.at(8101)[0].pid is None
    assert all(listener.is_exposed for listener in told.at(8102))
    assert told.at(8103)[0].host == "127.0.0.1"
    assert told.stalled == {812}
    assert told.settings == {"gatewayports": "no", "allowtcpforwarding": "yes"}
    assert told.through == {8100: "closed", 8101: "open"}


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from(RECORDED.splitlines()), max_size=20).map("\n".join))
def test_whatever_comes_back_is_read_without_an_error(text):
    assert isinstance(read(text), Told)


def test_without_ss_nothing_is_known_of_listeners():
    assert read("== listeners\n== sshd\n== bytes\n== end\n").listeners is None


def test_the_script_tells_open_from_closed_from_refused(program):
    program("bash", "bash")
    program("ss", "iproute2")
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closing:

        def close_each():
            while True:
                try:
                    closing.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=close_each, daemon=True).start()
        with socket.create_server(("127.0.0.1", 0)) as gone:
            refused = gone.getsockname()[1]
        ports = [silent.getsockname()[1], closing.getsockname()[1], refused]
        words = script("127.0.0.1", [(ports[0], "bytes"), (ports[1], "bytes"), (ports[2], "http")])
        wanted = dict(zip(ports, ("open", "closed", "refused"), strict=True))
        for _ in range(10):  # half a second is all that the script gives a port, and this machine may be busy
            ran = subprocess.run(
                ["sh", "-c", shlex.join(words)], capture_output=True, text=True, timeout=60, check=False
            )
            told = read(ran.stdout)
            if told.through == wanted:
                break
        assert told.through == wanted
        assert told.at(ports[0])[0].is_loopback
        closing.shutdown(socket.SHUT_RDWR)


def test_ports_that_are_reset_at_once_are_told_as_closed():
    """Writing the request into a connection that is gone ended the shell by SIGPIPE, and the port went unmentioned."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(30)

        def reset_all():
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()

        threading.Thread(target=reset_all, daemon=True).start()
        port = listener.getsockname()[1]
        words = script("127.0.0.1", [(port, "http")] * 40)
        ran = subprocess.run(["sh", "-c", shlex.join(words)], capture_output=True, text=True, timeout=60, check=False)
    assert [line for line in ran.stdout.splitlines() if line.startswith(str(port))] == [f"{port} closed"] * 40


def test_what_a_port_answers_by_http_is_told(program):
    program("bash", "bash")
    version = b'HTTP/1.1 200 OK\r\n\r\n{"ray_version": "2.49.2", "session_name": "session_1"}'
    with serving(version) as ray, serving(b"HTTP/1.1 404 Not Found\r\n\r\n") as other, serving(b"SSH-2.0-x\r\n") as tcp:
        words = script("127.0.0.1", [(ray, "version"), (other, "http"), (tcp, "http")])
        ran = subprocess.run(["sh", "-c", shlex.join(words)], capture_output=True, text=True, timeout=60, check=False)
    told = read(ran.stdout)
    assert told.through == dict.fromkeys((ray, other, tcp), "open")
    assert [told.http_status(port) for port in (ray, other, tcp)] == [200, 404, None]
    assert [told.session(port) for port in (ray, other, tcp)] == ["session_1", "", ""]


@contextmanager
def serving(reply):
    """A port that reads a request, answers with this and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_all():
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(1000)
                        connection.sendall(reply)

        threading.Thread(target=answer_all, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_the_sessions_of_the_sshd_that_was_asked_are_looked_at():
    """Its port is in SSH_CONNECTION: an sshd on port 2200 has no session on port 22."""
    text = script("127.0.0.1", [])[2]
    assert '"( sport = :${ssh_port:-22} )"' in text
    words = ["sh", "-c", "ssh_port=${SSH_CONNECTION##* }; echo ${ssh_port:-22}"]
    for connection, port in (("10.0.0.2 5000 10.0.0.1 2200", "2200"), ("", "22")):
        assert subprocess.check_output(words, env={"SSH_CONNECTION": connection}, text=True).strip() == port
