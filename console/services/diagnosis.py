"""From evidence to a diagnosis. Pure; the words of Ray that are recognised were read in 2.49.2 and 2.60."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from console.model.diagnosis import Cause, DeadNode, Demand, Diagnosis, Evidence
from console.model.job import Job
from console.services.log_end import exception_name, last_exception, own_lines

_GIB = 1024**3
_OOM = re.compile(
    r"Memory on the node \(IP: ([^,]{1,60}), ID: [^)]{1,80}\).{0,300}? was ([\d.]+) ?GB(?: used)? / ([\d.]+) ?GB",
    re.DOTALL,
)
_OOM_SIGNS = ("OutOfMemoryError", "MemoryError", "node running low on memory")
_MODULE = re.compile(
    r"ModuleNotFoundError(?:: |\([\"'])No module named \\?'([^'\\\n]{1,100})|(\w{1,100}) is missing on this cluster"
)
_NO_MODULE = re.compile(r"\S*python[\d.]*: No module named ([\w.]{1,100})\s*\Z")  # of `python -m NAME`, no traceback
_NODE_DIED = re.compile(r"[Nn]ode .{0,200}?(?:died|was terminated|marked dead|was lost|unreachable)", re.DOTALL)
_WORKER_DIED = re.compile(r"worker process has died|Worker unexpectedly exits|WorkerCrashedError")
_EXIT = re.compile(r"failed with exit code (-?\d+)")
_KILLED = (137, -9)
_ENTRYPOINT_FAILED = "Job entrypoint command failed"
_RAY_LOST = frozenset({
    "NodeDiedError", "ActorDiedError", "ActorUnavailableError", "RayActorError", "ObjectLostError", "OwnerDiedError",
    "ObjectReconstructionFailedError", "LocalRayletDiedError", "WorkerCrashedError",
})  # fmt: skip
_SHOWN_LINES = 6


def diagnose(evidence: Evidence) -> Diagnosis:
    """Say why a job waits or failed, the most certain cause first."""
    job = evidence.job
    if job.submission_id is None:
        what = "this driver was not submitted: Ray keeps neither its log nor how it ended"
        return Diagnosis("driver", what, tuple(_waiting(evidence)))
    if job.status == "FAILED":
        return _failed(evidence)
    if job.ended:
        stopped = job.status == "STOPPED"
        return Diagnosis("stopped" if stopped else "succeeded", _first_line(job) or f"the job has ended: {job.status}")
    return _pending(evidence)


def _failed(evidence: Evidence) -> Diagnosis:
    job, lines = evidence.job, _last_lines(evidence)
    exception = _ending(evidence)
    return (
        _runtime_env(job)
        or _out_of_memory(exception, evidence, lines)
        or _missing_module(exception, evidence, lines)
        or _lost_node(exception, evidence, lines)
        or _lost_worker(exception, lines)
        or _exit(evidence, lines)
    )


def _ending(evidence: Evidence) -> str:
    """Return what ended the driver, in its own words or its supervisor's; empty where it ended by an exit code."""
    job = evidence.job
    if _exit_code(job) is None and not job.message.startswith(_ENTRYPOINT_FAILED):
        return job.message
    if _exit_code(job) not in {None, 1}:  # an exception that nobody caught makes it 1: what was told before was caught
        return ""
    said_last = (own_lines(evidence.log or job.message) or [""])[-1]
    if job.bundle and (told := re.search(rf"\b{re.escape(job.bundle)} failed: ", said_last)):
        return said_last[told.end() :]  # a bundled job tells its cause in its last line
    return last_exception(evidence.log or "") or last_exception(job.message)


def _runtime_env(job: Job) -> Diagnosis | None:
    if not job.message.startswith("runtime_env setup failed") and job.error_type != "RUNTIME_ENV_SETUP_FAILURE":
        return None
    what = f"its runtime environment could not be made: {_deepest(job.message)}"
    return Diagnosis("runtime environment", what, (), "a package that does not exist, or no way to it?")


def _missing_module(exception: str, evidence: Evidence, lines: tuple[str, ...]) -> Diagnosis | None:
    own = own_lines(evidence.log or evidence.job.message)
    found = _MODULE.match(exception) or (None if exception or not own else _NO_MODULE.match(own[-1]))
    if found is None:
        return None
    module = next(name for name in found.groups() if name)
    hint = f"submit with --pip {module.partition('.')[0].lower()}, or put it into the working dir"
    return Diagnosis("missing module", f"the module {module} is not there", lines, hint)


def _exit(evidence: Evidence, lines: tuple[str, ...]) -> Diagnosis:
    job = evidence.job
    if job.error_type == "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE":
        return Diagnosis("not scheduled", f"no node could take the entrypoint: {_first_line(job)}")
    if (code := _exit_code(job)) is not None:
        beside = tuple(f"beside it, node {node.name} was lost while the job ran" for node in _died_meanwhile(evidence))
        what = f"the entrypoint ended with exit code {code}"
        return Diagnosis("exit code", what, (*beside, *lines), f"raydeck logs {job.id}")
    cause: Cause = "supervisor" if job.error_type.startswith("JOB_SUPERVISOR") else "unknown"
    return Diagnosis(cause, _first_line(job) or "Ray does not say why", lines)


def _out_of_memory(exception: str, evidence: Evidence, lines: tuple[str, ...]) -> Diagnosis | None:
    job = evidence.job
    killed = _exit_code(job) in _KILLED
    whole = f"{job.message}\n{evidence.log or ''}"
    cut_off = not exception and _exit_code(job) in {None, 1}  # its begin may lie before what Ray passes on
    found = _OOM.search(whole if killed or cut_off else exception)
    hint = "less at a time, fewer tasks per node (more num_cpus or memory each), or a node with more memory"
    if found is not None:
        node, peak, limit = found.groups()
        return Diagnosis("out of memory", f"out of memory on node {node}: {peak} GB used of {limit} GB", (), hint)
    if any(sign in exception.partition("\n")[0] for sign in _OOM_SIGNS):
        return Diagnosis("out of memory", "out of memory; the node is not named in the log's end", lines, hint)
    if killed:
        node = job.driver_node_id[:12] if job.driver_node_id else "its node"
        what = f"the driver was killed (SIGKILL) on node {node}: by the system for want of memory, or by hand"
        return Diagnosis("out of memory", what, lines, "the node's memory limit counts the driver, too: raydeck nodes")
    return None


def _lost_node(exception: str, evidence: Evidence, lines: tuple[str, ...]) -> Diagnosis | None:
    """Say that a node was lost: one that the ending names, or the driver's own when Ray lost sight of the driver.

    That some node died while the job ran proves nothing: an idle one may have been scaled down.
    """
    told = _NODE_DIED.search(exception) if _is_about_ray(exception, evidence.job) else None
    during = _died_meanwhile(evidence)
    named = [node for node in during if told is not None and _names(exception, node)]
    own = [node for node in during if node.node_id == evidence.job.driver_node_id and _exit_code(evidence.job) is None]
    if lost := named or own:
        names = ", ".join(node.name for node in lost)
        why = tuple(node.why for node in lost if node.why)
        return Diagnosis("lost node", f"node {names} was lost while the job ran", why)
    if told is None:
        return None
    return Diagnosis("lost node", f"a node was lost: {_line_of(exception, told)}", lines)


def _lost_worker(exception: str, lines: tuple[str, ...]) -> Diagnosis | None:
    if _WORKER_DIED.search(exception) is None:
        return None
    what = "a worker process ended unexpectedly: Ray does not tell whether for want of memory, by a signal or a crash"
    return Diagnosis("lost worker", what, lines, "raydeck nodes shows its node's memory, its own log the rest")


def _is_about_ray(exception: str, job: Job) -> bool:
    """Return whether an ending is Ray's account of what it lost, and not an error of the program's own."""
    if job.error_type.startswith("JOB_SUPERVISOR"):
        return True
    told_bare = bool(job.bundle) and not exception_name(exception) and "in its creation task" not in exception
    return told_bare or exception_name(exception) in _RAY_LOST


def _died_meanwhile(evidence: Evidence) -> tuple[DeadNode, ...]:
    job = evidence.job
    begun, ended = job.start_time or 0, job.end_time
    return tuple(
        node
        for node in evidence.dead_nodes
        if node.died_at is not None and begun <= node.died_at <= (ended or node.died_at) + 60
    )


def _names(text: str, node: DeadNode) -> bool:
    return bool(node.node_id and node.node_id in text) or bool(
        node.ip and re.search(rf"\b{re.escape(node.ip)}\b", text)
    )


def _pending(evidence: Evidence) -> Diagnosis:
    job = evidence.job
    waiting = tuple(_waiting(evidence))
    message = _first_line(job)
    if waiting:
        return Diagnosis("waits for resources", message or "it waits for resources", waiting)
    if job.status == "PENDING":
        free = _free_words(evidence.usage)
        details = (f"free now: {free}",) if free else ()
        return Diagnosis(
            "starts", message or "it has not started yet", details, "its runtime environment is made first"
        )
    return Diagnosis("runs", "it runs, and none of its tasks waits for a node")


def _waiting(evidence: Evidence) -> Iterator[str]:
    """Yield a line for each kind of task that has no node: what it wants, and whether it can ever have it."""
    known = evidence.waiting or ()
    for demand in known or evidence.demand or ():
        name = f"{demand.name}: " if demand.name else "" if known else "somebody's: "
        times = f"{demand.count} x " if demand.count > 1 else ""
        yield f"{name}{times}{_resources(demand)}: {_verdict(demand, evidence)}"


def _verdict(demand: Demand, evidence: Evidence) -> str:
    if not evidence.usage:  # a head that has just started tells of no resources at all
        return "what is free is not known"
    for name, wanted in demand.resources.items():
        total = _pair(evidence.usage, name)[1]
        most = next((most for key, most in (evidence.largest or {}).items() if _same(key, name)), total)
        if wanted > total:
            return f"never: the cluster has {_amount(name, total)} {name} in all"
        if wanted > most:
            return f"never: no node has more than {_amount(name, most)} {name}"
    short = [name for name, wanted in demand.resources.items() if wanted > _free(evidence.usage, name)]
    if not short:
        return "it could start now"
    return "waits: " + ", ".join(f"{_amount(name, _free(evidence.usage, name))} {name} free" for name in short)


def _resources(demand: Demand) -> str:
    return " and ".join(f"{_amount(name, wanted)} {name}" for name, wanted in demand.resources.items()) or "nothing"


def _amount(name: str, value: float) -> str:
    return f"{value / _GIB:.3g} GiB" if "memory" in name else f"{value:g}"


def _free(usage: Mapping[str, tuple[float, float]], name: str) -> float:
    used, total = _pair(usage, name)
    return max(0.0, total - used)


def _pair(usage: Mapping[str, tuple[float, float]], name: str) -> tuple[float, float]:
    return next((pair for key, pair in usage.items() if _same(key, name)), (0.0, 0.0))


def _same(one: str, other: str) -> bool:
    """Compare names of resources: a reply turns ``my_kind`` into ``myKind`` in one place and not in another."""
    return one.replace("_", "").casefold() == other.replace("_", "").casefold()


def _free_words(usage: Mapping[str, tuple[float, float]] | None) -> str:
    names = [name for name in ("CPU", "GPU", "memory") if usage and name in usage]
    return ", ".join(f"{_amount(name, _free(usage or {}, name))} {name}" for name in names)


def _exit_code(job: Job) -> int | None:
    found = _EXIT.search(job.message)
    return job.driver_exit_code if job.driver_exit_code is not None else int(found[1]) if found else None


def _first_line(job: Job) -> str:
    return job.message.strip().partition("\n")[0][:300]


def _deepest(message: str) -> str:
    """Return the last line of an error that is told with its traceback: the cause."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return (lines[-1] if lines else "")[:300]


def _line_of(said: str, found: re.Match[str] | None) -> str:
    if found is None:
        return ""
    start = said.rfind("\n", 0, found.start()) + 1
    return said[start:].partition("\n")[0].strip()[:300]


def _last_lines(evidence: Evidence) -> tuple[str, ...]:
    text = evidence.log or evidence.job.message
    return tuple(line[:300] for line in text.splitlines() if line.strip())[-_SHOWN_LINES:]
