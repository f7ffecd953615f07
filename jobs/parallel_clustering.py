"""The pipeline of parallel_processing over several clusters at once, each given its share by what it has free.

Run on the main cluster: ``ray job submit --working-dir jobs -- python parallel_clustering.py '<JSON>'``.
"""

from __future__ import annotations

import sys

from pipeline.claim import Holding
from pipeline.clustering_parameters import ClusteringParameters
from pipeline.driver import end, run


def work(given: ClusteringParameters, holding: Holding) -> None:
    """Process; imported only here, because Serve takes half a second, and what is wrong is said before."""
    from pipeline.clustering import process  # noqa: PLC0415 -- see above

    process(given, holding)


if __name__ == "__main__":
    end(run("parallel_clustering", ClusteringParameters, work, sys.argv[1:]))
