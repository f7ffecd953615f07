"""The queries, as pure text: one for the overview of all clusters, one for the nodes on screen, ranges for history.

Owns how a GPU is counted once and a host's CPU once, inside the query, so that it does not matter how many containers
of one host tell of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.clients.grouping import Grouping, escaped, matchers
from console.metrics import METRICS, Fold, components, exported_names, folded

AGED = "ray_node_mem_used"  # every Ray exports it for every node, so its samples' times stand for all figures of a node
KIND = "k"  # a label of ours: `or` ignores names, so parts of one query need something to differ in
_ROLES = ("RayNodeType", "IsHeadNode")
NODE_LABELS = ("ip", "NodeAddress", "instance", *_ROLES)
GPU_LABELS = ("GpuIndex", "GpuUuid", "GpuDeviceName")
_GPU_COUNT = "ray_node_gpus_available"
_NO_SLICE = 'GpuDeviceName!~".*MIG.*"'  # Ray writes 0 for a slice, of which no driver measures the utilisation
_FOLDS: Mapping[Fold, tuple[str, str]] = {"sum": ("sum(", ")"), "max": ("max(", ")"), "mean": ("avg((", ")>=0)")}


def named(names: Sequence[str], *more: str) -> str:
    """Return a selector of several names at once."""
    which = f'__name__="{names[0]}"' if len(names) == 1 else f'__name__=~"{"|".join(names)}"'
    return "{" + ",".join([which, *(part for part in more if part)]) + "}"


def tagged(query: str, kind: str) -> str:
    """Return the query with its results marked as ``kind``."""
    return f'label_replace({query},"{KIND}","{kind}","","")'


def overview_query(groupings: Sequence[Grouping], *, sessions: bool) -> str:
    """Return the one query that gives the figures of all clusters of a server, with their ages.

    ``sessions`` adds which session of Ray each group of series is of, under the labels that the matchers use.
    """
    return " or ".join(_overview(grouping, sessions=sessions) for grouping in groupings)


def _overview(grouping: Grouping, *, sessions: bool) -> str:
    scope, key, keyed = grouping.scope, grouping.key, grouping.keyed
    cpu = f"max by ({key},ip)({keyed(named(exported_names(*folded('host', 'mean_by_cores')), scope))})"
    cores = f"max by ({key},ip)({keyed(named(exported_names('cpu_cores'), scope))})"
    nodes = keyed(named(exported_names(*folded("host", "sum")), scope))
    sums = (_GPU_COUNT, *exported_names(*folded("gpu", "sum")))
    measured = _each_gpu(grouping, exported_names(*folded("gpu", "mean")), named_too=False, where=_NO_SLICE)
    parts = [
        f"sum by (__name__,{key})(max by (__name__,{key},ip)({nodes}))",
        tagged(f"sum by ({key})({cpu}*{cores})/sum by ({key})({cores} and {cpu})", "cpu"),
        tagged(f"sum by (__name__,{key})({_each_gpu(grouping, sums, named_too=True)})", "gpu"),
        # -1 is what Ray writes for a GPU whose driver measures no utilisation.
        tagged(f"avg by ({key})(({measured})>=0)", "gpu_percent"),
        tagged(f"min by ({key})({keyed(f'timestamp({named((AGED,), scope)})')})", "at"),
    ]
    if sessions:
        labels = ",".join((*grouping.labels, "SessionName"))
        parts.append(tagged(f"count by ({labels})({named((AGED,), scope)})", "session"))
    return " or ".join(parts)


def _each_gpu(grouping: Grouping, names: Sequence[str], *, named_too: bool, where: str = "") -> str:
    """Return every GPU once: by its uuid, or by address and index where Ray is too old (before 2.57) to tell one."""
    key = f"__name__,{grouping.key}" if named_too else grouping.key
    known = grouping.keyed(named(names, 'GpuUuid!=""', where, grouping.scope))
    unknown = grouping.keyed(named(names, 'GpuUuid=""', where, grouping.scope))
    return f"max by ({key},GpuUuid)({known}) or max by ({key},ip,GpuIndex)({unknown})"


def detail_query(clusters: Sequence[Mapping[str, str]]) -> str:
    """Return the one query that gives all figures of all nodes and GPUs of these clusters (their matchers)."""
    labels = sorted({label for series in clusters for label in series})
    scope = matchers(clusters[0]) if len(clusters) == 1 else ""
    by = ",".join(dict.fromkeys((*labels, *NODE_LABELS, *GPU_LABELS)))
    # What stands for several programs is of the one asked for; figures of nodes have no such label.
    ours = f'Component=~"{"|".join(["", *components()])}"'
    figures = f"max by (__name__,{by})({named(exported_names(), ours, scope)})"
    at_labels = ",".join(dict.fromkeys((*labels, "ip", "instance")))
    ages = tagged(f"min by ({at_labels})(timestamp({named((AGED,), scope)}))", "at")
    return f"{figures} or {ages}"


def range_query(metric: str, series: Mapping[str, str], *, node: str | None, instance: str | None = None) -> str:
    """Return the query for one metric over time, of one node (an address), or of the whole cluster with None.

    ``instance`` is the label of its target where that alone tells it from other nodes at its address.

    Of a cluster: what METRICS declares as the fold of each; in a mean only GPUs count that are measured.
    """
    whole = METRICS[metric]
    address = "NodeAddress" if whole.per == "raylet" and not metric.startswith("raylet") else "ip"
    scope = matchers(series)
    if node is not None:
        by = "ip,GpuIndex,GpuDeviceName" if whole.per == "gpu" else address
        here = f'{scope},{address}="{escaped(node)}"' + (f',instance="{escaped(instance)}"' if instance else "")
        return _sum_of_parts(metric, by, here, "max")
    if whole.fold == "mean_by_cores":
        cpu, cores = _hosts(metric, scope), _hosts("cpu_cores", scope)
        return f"sum({cpu}*{cores})/sum({cores} and {cpu})"
    if whole.per == "gpu":
        return _over_gpus(metric, scope)
    by = f"{address},instance" if whole.per == "raylet" else address
    return f"sum({_sum_of_parts(metric, by, scope, 'max')})"


def _hosts(metric: str, scope: str) -> str:
    return f"max by (ip)({named(exported_names(metric), scope)})"


def _sum_of_parts(metric: str, by: str, scope: str, fold: str) -> str:
    """Return the metric by labels, in our unit; under whichever of its names there is."""
    parts = []
    for part in METRICS[metric].exported:
        where = f'Component="{part.component}",{scope}' if part.component else scope
        aliases = [f"{fold} by ({by})({named((name,), where)})" + _scaled(factor) for name, factor in part.names]
        parts.append(f"({' or '.join(aliases)})" if len(aliases) > 1 else aliases[0])
    return "+".join(parts)


def _over_gpus(metric: str, scope: str) -> str:
    grouping, whole = Grouping.of_one(scope), METRICS[metric]
    opened, closed = _FOLDS[whole.fold]
    parts = []
    for part in whole.exported:
        (name, factor) = part.names[0]
        each = _each_gpu(grouping, (name,), named_too=False, where=_NO_SLICE if whole.fold == "mean" else "")
        parts.append(f"{opened}{each}{closed}" + _scaled(factor))
    return "+".join(parts)


def _scaled(factor: float) -> str:
    return "" if factor == 1.0 else f"*{factor:g}" if factor != 1024**2 else "*1048576"
