"""Fetching outputs: only what is verifiably the job's, whole or as a sample, from the log when Serve is gone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from console.errors import NotFoundError
from console.services import output_fetch
from console.services.core import Core, Options
from console.services.job_outputs import output_of
from tests.fakes.head import FakeHead, fake_head
from tests.pilot.deck import NOON, configuration
from tests.pilot.scenes import clustering_document, output_document

JOB = "raysubmit_7KqWmXsTz4bGhY2n"
PARAMETERS = {"process-parameters": {"worker-number": 2}, "storage-parameters": {}, "data-parameters": {"amount": 50}}


class PagedHead(FakeHead):
    """Serve answers pages, and can cut an answer short or send another document."""

    document: dict[str, Any] | bytes = b""
    cut = False
    owner_after = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/output" or not self.served:
            return await super().serve(request)
        self.pages.append(dict(request.query))
        if self.owner_after:
            self.served["/about"] = {"submission_id": self.owner_after}
        body, total = self._page(int(request.query.get("from", 0)), int(request.query.get("count", 10**9)))
        if not self.cut:
            return web.Response(body=body, headers={"raydeck-summaries": str(total)}, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    def _page(self, first: int, count: int) -> tuple[bytes, int]:
        if isinstance(self.document, bytes):
            return self.document, 1
        output = self.document["output"]
        if isinstance(output, list):
            return json.dumps({"output": output[first : first + count]}).encode(), len(output)
        rows = [(key, row) for key, cluster in output.items() for row in cluster["data"]][first : first + count]
        paged = {key: c | {"data": [row for k, row in rows if k == key]} for key, c in output.items()}
        return json.dumps({"output": paged}).encode(), sum(len(c["data"]) for c in output.values())

    pages: list[dict[str, str]]


@asynccontextmanager
async def head_and_core(tmp_path: Path) -> AsyncIterator[tuple[PagedHead, Core]]:
    async with fake_head(lambda: NOON, PagedHead) as head:
        assert isinstance(head, PagedHead)
        head.pages = []
        head.served = {"/about": {"submission_id": JOB}}
        head.add_job(JOB, "RUNNING", entrypoint=f"python parallel_processing.py '{json.dumps(PARAMETERS)}'")
        config = tmp_path / "clusters.toml"
        config.write_text(configuration({"local-1": {"kind": "local", "dashboard": head.url, "serve": head.serve_url}}))
        environ = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
        core = Core(Options(config, False, environ, tmp_path), lambda: NOON)
        core.load()
        await core.begin()
        try:
            yield head, core
        finally:
            await core.close()


def fetched(tmp_path: Path, prepare: Any) -> tuple[Any, PagedHead, Core]:
    """Return what came of asking for the output: what was kept, or the error."""

    async def work() -> tuple[Any, PagedHead, Core]:
        async with head_and_core(tmp_path) as (head, core):
            prepare(head)
            job = await core.fleet.dashboard("local-1").job(JOB)
            try:
                return await output_of(core, job), head, core
            except NotFoundError as error:
                return error, head, core

    return asyncio.run(work())


def marked(document: bytes) -> bytes:
    packed = base64.b64encode(zlib.compress(document))
    return b"raydeck-output 1 sha256:" + hashlib.sha256(document).hexdigest().encode() + b" " + packed + b"\n"


def test_one_question_fetches_a_small_output_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    document = output_document()
    kept, head, core = fetched(tmp_path, lambda head: setattr(head, "document", document))
    assert (kept.submission_id, kept.job, kept.cluster) == (JOB, "parallel_processing", "local-1")
    assert (kept.source, kept.total, kept.parameters) == ("serve", None, PARAMETERS)
    assert (kept.started_at, kept.ended_at, kept.kept_at) == (NOON - 12, None, NOON)
    assert json.loads(core.shelf.document(kept)) == document
    assert hashlib.sha256(core.shelf.document(kept)).hexdigest() == kept.sha256
    assert head.pages == [{"from": "0", "count": "100"}]


def test_a_larger_one_is_fetched_whole(tmp_path: Path) -> None:
    document = output_document(groups=130, batches=1)
    kept, head, core = fetched(tmp_path, lambda head: setattr(head, "document", document))
    assert kept.total is None
    assert json.loads(core.shelf.document(kept)) == document
    assert head.pages[1:] == [{"from": "0", "count": "130"}]


@pytest.mark.parametrize("several", [False, True])
def test_of_a_very_large_one_a_sample_is_kept_that_reaches_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, several: bool
) -> None:
    monkeypatch.setattr(output_fetch, "WHOLE_MOST_BYTES", 1000)
    rows = output_document(groups=4000, batches=1)["output"]
    document: dict[str, Any] = {"output": rows}
    if several:
        document = clustering_document()
        document["output"]["0"]["data"], document["output"]["1"]["data"] = rows[:2500], rows[2500:]
    kept, head, core = fetched(tmp_path, lambda head: setattr(head, "document", document))
    assert kept.total == 4000
    output = core.shelf.parsed(kept)
    found = [summary.id for summary in output.summaries]
    everyone = [row["id"] for row in rows]
    assert len(found) == len(set(found)) == 2000
    assert (found[0], found[-1]) == (everyone[0], everyone[-1])
    assert set(found) <= set(everyone)
    assert len(head.pages) == output_fetch.SAMPLE_PAGES
    if several:
        assert [len(c.data) > 500 for c in output.clusters.values()] == [True, True, False]
        assert output.clusters["2"].error == "cannot be reached: Connection refused"


def test_what_another_job_serves_is_not_taken(tmp_path: Path) -> None:
    error, head, core = fetched(
        tmp_path, lambda head: head.served.update({"/about": {"submission_id": "raysubmit_other"}})
    )
    assert "Serve answers for raysubmit_other" in error.what
    assert head.pages == []
    assert core.shelf.kept() == core.shelf.spoilt() == ()


def test_what_was_served_while_another_job_took_over_is_not_taken(tmp_path: Path) -> None:
    error, _, core = fetched(tmp_path, lambda head: setattr(head, "owner_after", "raysubmit_other"))
    assert "Serve answers for raysubmit_other" in error.what
    assert core.shelf.kept() == core.shelf.spoilt() == ()


def test_when_nobody_was_there_in_time_the_log_has_it(tmp_path: Path) -> None:
    document = json.dumps(output_document()).encode()

    def prepare(head: PagedHead) -> None:
        head.served = {}
        head.logs[JOB] = b"line\n" + marked(document) + b"Serving the output for 1 s\nsucceeded\n"

    kept, _, core = fetched(tmp_path, prepare)
    assert kept.source == "log"
    assert core.shelf.document(kept) == document


def test_a_half_is_kept_aside_and_the_log_has_the_whole(tmp_path: Path) -> None:
    def prepare(head: PagedHead) -> None:
        head.document, head.cut = output_document(), True
        head.logs[JOB] = marked(json.dumps(output_document()).encode())

    kept, _, core = fetched(tmp_path, prepare)
    assert kept.source == "log"
    whole = json.dumps(output_document()).encode()
    assert core.shelf.spoilt_path(JOB).read_bytes() == whole[: len(whole) // 2]
    assert core.shelf.spoilt() == ()  # replaced by the whole one


def test_a_half_alone_is_kept_aside_and_said(tmp_path: Path) -> None:
    def prepare(head: PagedHead) -> None:
        head.document, head.cut = output_document(), True

    error, _, core = fetched(tmp_path, prepare)
    assert "closed before the answer was whole" in error.what
    assert str(core.shelf.spoilt_path(JOB)) in error.hint
    (spoilt,) = core.shelf.spoilt()
    assert (spoilt.source, spoilt.received_bytes > 100) == ("serve", True)
    assert core.shelf.kept() == ()


@pytest.mark.parametrize("body", [b'{"output": [{"id": 1}]}', b"\x00\xff nothing", b"[]"])
def test_what_cannot_be_read_is_kept_aside_and_said(tmp_path: Path, body: bytes) -> None:
    error, _, core = fetched(tmp_path, lambda head: setattr(head, "document", body))
    assert "is not a document of summaries" in error.what
    assert core.shelf.spoilt_path(JOB).read_bytes() == body
    assert core.shelf.kept() == ()


@pytest.mark.parametrize(
    "line", [marked(b'{"output":[]}')[:-9] + b"\n", b"raydeck-output 1 sha256:abc\n", marked(b'{"output":5}')]
)
def test_a_damaged_line_of_the_log_is_kept_aside_and_said(tmp_path: Path, line: bytes) -> None:
    def prepare(head: PagedHead) -> None:
        head.served, head.logs[JOB] = {}, b"before\n" + line + b"after\n"

    error, _, core = fetched(tmp_path, prepare)
    assert str(core.shelf.spoilt_path(JOB)) in error.hint
    assert [spoilt.source for spoilt in core.shelf.spoilt()] == ["log"]


def test_a_job_that_says_that_its_output_is_too_large_for_the_log_spoilt_nothing(tmp_path: Path) -> None:
    def prepare(head: PagedHead) -> None:
        head.served, head.logs[JOB] = {}, b"raydeck-output 1 too-large 99999999\n"

    error, _, core = fetched(tmp_path, prepare)
    assert "its 99999999 bytes are too large for the log" in error.what
    assert core.shelf.spoilt() == ()


def test_an_id_that_is_no_name_for_a_file_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    async def work() -> None:
        async with head_and_core(tmp_path) as (head, core):
            head.served, head.document = {"/about": {"submission_id": "../../evil id"}}, output_document()
            head.add_job("../../evil id", "RUNNING")
            job = (await core.fleet.dashboard("local-1").jobs())[-1]
            with pytest.raises(NotFoundError, match="is no name for a file"):
                await output_of(core, job)

    asyncio.run(work())
    assert not list(tmp_path.rglob("*evil*"))


def test_a_description_that_names_another_file_is_passed_over(tmp_path: Path) -> None:
    kept, _, core = fetched(tmp_path, lambda head: setattr(head, "document", output_document()))
    about = core.shelf.path(kept).with_name(f"{JOB}.about.json")
    about.write_bytes(about.read_bytes().replace(JOB.encode(), b"../../../etc/x"))
    assert core.shelf.kept() == ()
