"""What a walk means for a cluster's row, beside what its poller says."""

import pytest

from console.model.check import Check, ClusterChecks, Ladder, Outcome
from console.model.cluster import ClusterSnapshot, ClusterSpec, Fault, State
from console.services.path_faults import joined

OWN = Fault("dashboard", "the connection was closed", "", 1.0)


@pytest.mark.parametrize(("state", "count"), [(State.DOWN, 1), (State.UP, 2), (State.DEGRADED, 2)])
def test_a_break_that_the_poller_saw_first_is_one_fault(state, count):
    """ssh may see the tunnel gone, and the poller the cluster, before the walk to the dashboard does."""
    listener = Check(probe="listener", outcome=Outcome.BROKEN, service="client", detail="nothing listens", by="ssh")
    ladders = (Ladder("dashboard"), Ladder("client", (listener,)))
    spec = ClusterSpec(name="local-1", kind="local", dashboard="http://h:1")
    snapshot = ClusterSnapshot(spec=spec, taken_at=2.0, state=state, faults=(OWN,))
    row = joined(snapshot, ClusterChecks(cluster="local-1", ladders=ladders, checked_at=2.0))
    assert len(row.faults) == count
    assert row.tunnel.first_broken == "listener"
