"""Mean and variance of generated file tuples, computed by Ray actors in batches, served as ``GET /output``.

Run: ``ray job submit --working-dir jobs -- python parallel_processing.py '<JSON>'``.
"""

from __future__ import annotations

import sys

from pipeline.claim import Holding
from pipeline.driver import end, run
from pipeline.parameters import Parameters


def work(given: Parameters, holding: Holding) -> None:
    """Process; imported only here, because Serve takes half a second, and what is wrong is said before."""
    from pipeline.processing import process  # noqa: PLC0415 -- see above

    process(given, holding)


if __name__ == "__main__":
    end(run("parallel_processing", Parameters, work, sys.argv[1:]))
