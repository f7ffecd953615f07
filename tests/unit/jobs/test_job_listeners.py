"""Who answers on a port: ourselves, a stranger, both, or nobody."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest
from pipeline.listeners import is_taken, stranger


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.bodies[self.server.asked % len(self.server.bodies)]
        time.sleep(self.server.answers_after_s)
        self.server.asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def listening():
    servers = []

    def listen(*bodies, answers_after_s=0):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        server.bodies, server.asked, server.answers_after_s = bodies, 0, answers_after_s
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return server.server_port

    yield listen
    for server in servers:
        server.shutdown()
        server.server_close()


def about(submission_id):
    return json.dumps({"submission_id": submission_id}).encode()


def test_only_we_answer(listening):
    assert stranger("0.0.0.0", listening(about("ours")), "ours") is None


def test_a_proxy_that_learns_its_routes_first_is_ours(listening):
    assert stranger("127.0.0.1", listening(b"Path '/about' not found", *[about("ours")] * 20), "ours") is None


def test_a_slow_proxy_that_learns_its_routes_first_is_ours(listening):
    port = listening(b"Path '/about' not found", *[about("ours")] * 20, answers_after_s=0.3)
    assert stranger("127.0.0.1", port, "ours", patience_s=3) is None


def test_a_stranger_beside_us_is_named(listening):
    port = listening(about("ours"), about("theirs"))
    assert stranger("127.0.0.1", port, "ours", patience_s=10) == "theirs"


def test_a_stranger_who_falls_silent_by_chance_is_not_forgotten(listening):
    port = listening(about("ours"), about("theirs"), *[about("ours")] * 20)
    assert stranger("127.0.0.1", port, "ours") == "theirs"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}"])
def test_a_stranger_without_a_name(listening, body):
    port = listening(body)
    assert stranger("127.0.0.1", port, "ours", patience_s=0.3) == "something that is no job's application"
    assert is_taken("0.0.0.0", port)


def test_silence_is_nobody():
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        port = server.server_port
    assert not is_taken("127.0.0.1", port)
    assert stranger("127.0.0.1", port, "ours", patience_s=0.3) is None
