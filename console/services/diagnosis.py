"""From evidence to a diagnosis. Pure; the words of Ray that are recognised were read in 2.49.2 and 2.60."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from console.model.diagnosis import Cause, Demand, Diagnosis, Evidence
from console.model.job import Job

_GIB = 1024**3
_OOM = re.compile(
    r"Memory on the node \(IP: ([^,]{1,60}), ID: [^)]{1,80}\).{0,300}? was ([\d.]+) ?GB(?: used)? / ([\d.]+) ?GB",
    re.DOTALL,
)
_OOM_SIGNS = ("OutOfMemoryError", "node running low on memory", "killed by SIGKILL by OOM killer", "MemoryError")
_MODULE = re.compile(r"ModuleNotFoundError: No module named '([^'\n]{1,100})'")
_NODE_DIED = re.compile(
    r"NodeDiedError|[Nn]ode .{0,200}? (?:died|was terminated|has been marked dead|was lost)|ActorDiedError"
)
_EXIT = re.compile(r"failed with exit code (-?\d+)")
_KILLED = (137, -9)
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
    job = evidence.job
    said, lines = f"{job.message}\n{evidence.log or ''}", _last_lines(evidence)
    return (
        _runtime_env(job)
        or _out_of_memory(said, job, lines)
        or _missing_module(said, lines)
        or _lost_node(evidence, said)
        or _exit(job, lines)
    )


def _runtime_env(job: Job) -> Diagnosis | None:
    if not job.message.startswith("runtime_env setup failed") and job.error_type != "RUNTIME_ENV_SETUP_FAILURE":
        return None
    what = f"its runtime environment could not be made: {_deepest(job.message)}"
    return Diagnosis("runtime environment", what, (), "a package that does not exist, or no way to it?")


def _missing_module(said: str, lines: tuple[str, ...]) -> Diagnosis | None:
    if (module := _MODULE.search(said)) is None:
        return None
    hint = f"submit with --pip {module[1].partition('.')[0]}, or put it into the working dir"
    return Diagnosis("missing module", f"the module {module[1]} is not there", lines, hint)


def _exit(job: Job, lines: tuple[str, ...]) -> Diagnosis:
    if job.error_type == "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE":
        return Diagnosis("not scheduled", f"no node could take the entrypoint: {_first_line(job)}")
    if (code := _exit_code(job)) is not None:
        return Diagnosis("exit code", f"the entrypoint ended with exit code {code}", lines, f"raydeck logs {job.id}")
    cause: Cause = "supervisor" if job.error_type.startswith("JOB_SUPERVISOR") else "unknown"
    return Diagnosis(cause, _first_line(job) or "Ray does not say why", lines)


def _out_of_memory(said: str, job: Job, lines: tuple[str, ...]) -> Diagnosis | None:
    found = _OOM.search(said)
    hint = "less at a time, fewer tasks per node (more num_cpus or memory each), or a node with more memory"
    if found is not None:
        node, peak, limit = found.groups()
        return Diagnosis("out of memory", f"out of memory on node {node}: {peak} GB used of {limit} GB", (), hint)
    if any(sign in said for sign in _OOM_SIGNS):
        return Diagnosis("out of memory", "out of memory; the node is not named in the log's end", lines, hint)
    if _exit_code(job) in _KILLED:
        node = job.driver_node_id[:12] if job.driver_node_id else "its node"
        what = f"the driver was killed (SIGKILL) on node {node}: by the system for want of memory, or by hand"
        return Diagnosis("out of memory", what, lines, "the node's memory limit counts the driver, too: raydeck nodes")
    return None


def _lost_node(evidence: Evidence, said: str) -> Diagnosis | None:
    job = evidence.job
    during = [
        (node, why)
        for node, died_at, why in evidence.dead_nodes
        if died_at is not None and (job.start_time or 0) <= died_at <= (job.end_time or died_at) + 60
    ]
    told = _NODE_DIED.search(said)
    if not during and told is None:
        return None
    if not during:
        return Diagnosis(
            "lost node", f"a node or an actor on it was lost: {_line_of(said, told)}", _last_lines(evidence)
        )
    names = ", ".join(node for node, _ in during)
    return Diagnosis("lost node", f"node {names} was lost while the job ran", tuple(why for _, why in during if why))


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
    if evidence.usage is None:
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
