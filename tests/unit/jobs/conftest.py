"""The jobs are a working dir of scripts, not a package of ours: their tests put it on the path as Ray does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "jobs"))
