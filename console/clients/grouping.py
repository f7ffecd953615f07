"""Which series belong to which cluster: by the labels of its ``series`` matchers, in the query and in the answer.

A *key* stands for a cluster in an aggregated answer. Where matchers are plain words the labels' own values are the
key; a regex has its values folded into one by ``label_replace``, so that head and worker of one cluster are one group
and what both show is counted once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from console.model.cluster import ClusterSpec

_META = frozenset(".^$*+?{}[]|()")
_BETWEEN = "\n"
_LONGEST_SCOPE = 300  # characters, ten times in the query; without it groups come along that nobody needs
_KEY = "raydeck"
_PLANNED = "(ray-(?:local|hpc)-[0-9]+)-metrics-(?:head|worker)"  # the port plan's Service names, see PortPlan.series


def escaped(text: str) -> str:
    """Return text as it stands between double quotes in PromQL."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def matchers(series: Mapping[str, str]) -> str:
    """Return a cluster's ``series`` as matchers; Prometheus anchors a regex at both ends by itself."""
    return ",".join(f'{label}=~"{escaped(pattern)}"' for label, pattern in sorted(series.items()))


def literal(pattern: str) -> str | None:
    """Return the one text that a regex matches, None where it may match several."""
    plain = re.sub(r"\\(\W)", "", pattern)
    if _META & set(plain) or "\\" in plain:
        return None
    return re.sub(r"\\(\W)", r"\1", pattern)


def claims(series: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return whether a series with these labels belongs to a cluster with these matchers; absent is empty."""
    return bool(series) and all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in series.items())


class _Fold(Struct, frozen=True):
    pattern: str
    replacement: str


class Grouping(Struct, frozen=True):
    """How the series of clusters whose matchers use the same ``labels`` are told apart: a ``key`` to group by.

    ``scope`` are matchers that leave out what is none of ours. ``clusters`` are names by value of the key.
    """

    labels: tuple[str, ...]
    key: str
    scope: str
    folds: tuple[_Fold, ...]
    clusters: Mapping[str, tuple[str, ...]]

    @classmethod
    def of_one(cls, scope: str) -> Grouping:
        """Return the grouping of a single cluster: no key but what every series has in common."""
        return cls((), _KEY, scope, (), {})

    def keyed(self, query: str) -> str:
        """Return the query with the key among the labels of its results."""
        # Into a label of its own: a fold in place could make two series the same, which fails the whole query.
        if self.key not in self.labels and self.labels:
            quoted = ",".join(f'"{label}"' for label in self.labels)
            query = f'label_join({query},"{self.key}","\\n",{quoted})'
        for fold in self.folds:
            query = f'label_replace({query},"{self.key}","{fold.replacement}","{self.key}","{escaped(fold.pattern)}")'
        return query

    def clusters_of(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Return the clusters that a result of a keyed query is of; empty for other clusters' series."""
        return self.clusters.get(labels.get(self.key, ""), ())


def groupings(specs: Sequence[ClusterSpec]) -> tuple[Grouping, ...]:
    """Return the groupings for all clusters of one server, one a set of labels; without matchers there is no series."""
    families: dict[tuple[str, ...], list[ClusterSpec]] = {}
    for spec in specs:
        if spec.series:
            families.setdefault(tuple(sorted(spec.series)), []).append(spec)
    return tuple(_grouping(labels, family) for labels, family in families.items())


def _grouping(labels: tuple[str, ...], specs: Sequence[ClusterSpec]) -> Grouping:
    folds: list[_Fold] = []
    clusters: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        key, fold = _key(spec, labels, len(folds))
        if fold is not None and fold not in folds:
            folds.append(fold)
        clusters[key] = (*clusters.get(key, ()), spec.name)
    # Names of their own, so that parts of one query that group by different labels cannot be taken for each other.
    key = labels[0] if len(labels) == 1 and not folds else "_".join((_KEY, *labels))
    return Grouping(labels, key, _scope(labels, specs), tuple(folds), clusters)


def _key(spec: ClusterSpec, labels: tuple[str, ...], number: int) -> tuple[str, _Fold | None]:
    values = [literal(spec.series[label]) for label in labels]
    known = [value for value in values if value is not None]
    if len(known) == len(labels):
        return _BETWEEN.join(known), None
    if spec.plan is not None and dict(spec.series) == spec.plan.series():
        return f"{_KEY} ray-{spec.plan.kind}-{spec.plan.slot}", _Fold(_PLANNED, f"{_KEY} $1")
    pattern = _BETWEEN.join(f"(?:{spec.series[label]})" for label in labels)
    return f"{_KEY} {number}", _Fold(pattern, f"{_KEY} {number}")


def _scope(labels: tuple[str, ...], specs: Sequence[ClusterSpec]) -> str:
    """Return matchers that leave other series out, as far as that is worth its length."""
    patterns = {label: "|".join(dict.fromkeys(spec.series[label] for spec in specs)) for label in labels}
    scope = matchers(patterns)
    return scope if len(scope) <= _LONGEST_SCOPE else ",".join(f'{label}!=""' for label in labels)
