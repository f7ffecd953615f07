"""What screens ask of the app. They post these and know nothing of each other."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from console.model.job import Job
from console.model.kept import KeptOutput


class SubmitAsked(Message):
    """Open the form that submits a job to these clusters."""

    def __init__(self, clusters: Sequence[str]) -> None:
        super().__init__()
        self.clusters = tuple(clusters)


class TunnelMessage(Message):
    """Something about the path to one cluster."""

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster


class TunnelAsked(TunnelMessage):
    """Open the ladder of the cluster's tunnel."""


class TunnelUpAsked(TunnelMessage):
    """Open the cluster's forwards, and keep them open."""


class TunnelDownAsked(TunnelMessage):
    """Close the cluster's forwards."""


class JobMessage(Message):
    """Something about one job."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


class LogAsked(JobMessage):
    """Open the job's log."""


class LogsAsked(Message):
    """Open the logs of these jobs as one."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        super().__init__()
        self.jobs = tuple(jobs)


class StopAsked(Message):
    """Stop these jobs, after asking."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        super().__init__()
        self.jobs = tuple(jobs)


class WhyAsked(JobMessage):
    """Say why the job waits or failed."""


class RerunAsked(JobMessage):
    """Run the job again."""


class OutputAsked(JobMessage):
    """Fetch the job's output if it is not kept yet, and show it."""


class NodeAsked(Message):
    """Open everything that is known of a node."""

    def __init__(self, cluster: str, node_id: str) -> None:
        super().__init__()
        self.cluster = cluster
        self.node_id = node_id


class TargetsAsked(Message):
    """Open the scrape targets."""


class ClusterAsked(Message):
    """Go to the clusters, with the cursor on this one."""

    def __init__(self, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster


class ExportAsked(Message):
    """Write kept outputs to files in the working folder."""

    def __init__(self, kept: Sequence[KeptOutput]) -> None:
        super().__init__()
        self.kept = tuple(kept)


class CopyAsked(Message):
    """Copy a command line to the terminal's clipboard, and show it."""

    def __init__(self, command_line: str) -> None:
        super().__init__()
        self.command_line = command_line
