"""Getting a job's output: from the route that verifiably is the job's, else from the marked line of its log.

What was received and is no output (cut off, or not to be read) is not thrown away: it travels in a ``SpoiltError`` to
whoever keeps outputs. A document that is too large to be fetched as a whole is fetched as pages spread evenly over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from console.bundles import Output
from console.clients.dashboard import DashboardClient
from console.clients.http import Reply
from console.clients.serve import ServeClient
from console.errors import NotFoundError, RaydeckError, SourceError
from console.model.job import Job
from console.model.kept import Source
from console.model.output import decode_marked_line, is_marked_line, parse_output

SUMMARIES_HEADER = "raydeck-summaries"
FIRST_PAGE = 100  # summaries; most outputs have fewer, and are had with one question
WHOLE_MOST_BYTES = 32 * 1024**2
SAMPLE_PAGES = 20
# The marked line is among the last ones: after it come only the lines about serving and the end.
_LINES_SEARCHED = 500


class Fetched(msgspec.Struct, frozen=True):
    """An output document. ``total``: how many summaries the job made, where the document holds only a sample."""

    document: bytes
    source: Source
    total: int | None = None


class SpoiltError(RaydeckError):
    """Something came and is no output; ``received`` is what came, ``source`` from where."""

    def __init__(self, error: RaydeckError, received: bytes, source: Source) -> None:
        super().__init__(error.where, error.what, error.hint)
        self.received = received
        self.source: Source = source


class Attempts(msgspec.Struct):
    """What came of looking for an output: the output, or why not, and whatever was spoilt on the way."""

    fetched: Fetched | None = None
    reasons: list[str] = []
    spoilt: list[SpoiltError] = []


async def fetch_output(dashboard: DashboardClient, serve: ServeClient | None, job: Job, output: Output) -> Attempts:
    """Look for a job's output: at Serve if its application says that it is this job's, else in the job's log."""
    attempts = Attempts()
    looks: list[Callable[[], Awaitable[Fetched]]] = [partial(_from_log, dashboard, job)]
    if serve is not None:
        looks.insert(0, partial(_from_serve, serve, job, output))
    for look in looks:
        try:
            attempts.fetched = await look()
            break
        except RaydeckError as error:
            attempts.reasons.append(error.what)
            if isinstance(error, SpoiltError):
                attempts.spoilt.append(error)
    return attempts


async def _from_serve(serve: ServeClient, job: Job, output: Output) -> Fetched:
    """Ask whose the application is before and after: another job may have taken its place in between."""
    await _verify_owner(serve, job, output)
    fetched = await _document(serve, output.route)
    await _verify_owner(serve, job, output)
    return await _readable(fetched)


async def _verify_owner(serve: ServeClient, job: Job, output: Output) -> None:
    about = await serve.about(output.about_route)
    if about.submission_id != job.submission_id:
        raise SourceError(job.cluster, f"Serve answers for {about.submission_id}")


async def _readable(fetched: Fetched) -> Fetched:
    """Return what can be read as an output; beside the event loop, because it can be large."""
    try:
        await asyncio.to_thread(parse_output, fetched.document)
    except RaydeckError as error:
        raise SpoiltError(error, fetched.document, fetched.source) from error
    return fetched


async def _document(serve: ServeClient, route: str) -> Fetched:
    """Fetch a whole document, or a sample of a very large one; its first page tells how large it is."""
    first = await _page(serve, route, 0, FIRST_PAGE)
    told = first.headers.get(SUMMARIES_HEADER, "")
    total = int(told) if told.isdecimal() else 0
    if total <= FIRST_PAGE:
        return Fetched(first.body, "serve")
    if len(first.body) / FIRST_PAGE * total <= WHOLE_MOST_BYTES:
        return Fetched((await _page(serve, route, 0, total)).body, "serve")
    rest = [(await _page(serve, route, start, FIRST_PAGE)).body for start in _spread(total)]
    return Fetched(await asyncio.to_thread(_merged, [first.body, *rest]), "serve", total)


def _spread(total: int) -> Iterator[int]:
    """Yield where the pages of a sample begin, after the first one."""
    last = total - FIRST_PAGE
    yield from sorted({max(FIRST_PAGE, last * number // (SAMPLE_PAGES - 1)) for number in range(1, SAMPLE_PAGES)})


async def _page(serve: ServeClient, route: str, start: int, count: int) -> Reply:
    received = bytearray()
    try:
        return await serve.page(route, {"from": start, "count": count}, received)
    except SourceError as error:
        if not received or getattr(error, "http_status", None) is not None:
            raise
        raise SpoiltError(error, bytes(received), "serve") from error


class _Part(msgspec.Struct):
    """A page of either form; summaries stay the bytes that they were."""

    output: list[msgspec.Raw] | dict[str, dict[str, msgspec.Raw]]


def _merged(pages: list[bytes]) -> bytes:
    """Return the document that holds the summaries of all pages, each cluster's with its own."""
    try:
        parts = [msgspec.json.decode(page, type=_Part).output for page in pages]
        whole: Any = parts[0]
        for part in parts[1:]:
            if isinstance(part, dict):
                for number, cluster in part.items():
                    whole[number]["data"] = _joined(whole[number]["data"], cluster["data"])
            else:
                whole += part
        return msgspec.json.encode({"output": whole})
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        trouble = NotFoundError("output", f"its pages do not fit together: {error}")
        raise SpoiltError(trouble, b"\n".join(pages), "serve") from error


def _joined(before: msgspec.Raw, more: msgspec.Raw) -> msgspec.Raw:
    lists = [msgspec.json.decode(each, type=list[msgspec.Raw]) for each in (before, more)]
    return msgspec.Raw(msgspec.json.encode(lists[0] + lists[1]))


async def _from_log(dashboard: DashboardClient, job: Job) -> Fetched:
    tail = await dashboard.log_tail(job, _LINES_SEARCHED)
    for line in reversed(tail.splitlines()):
        try:
            document = decode_marked_line(line)
        except NotFoundError:
            raise
        except RaydeckError as error:
            raise SpoiltError(error, line, "log") from error
        if document is not None:
            return await _readable(Fetched(document, "log"))
        if is_marked_line(line):
            raise SpoiltError(RaydeckError("output", "the log's line is cut off or damaged"), line, "log")
    raise NotFoundError(job.cluster, f"the last {_LINES_SEARCHED} lines of the log have no output either")
