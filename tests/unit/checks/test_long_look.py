"""Nobody has the address: what the kernel says after 3 s explains a walk that ended before."""

from console.clients.wire import Exchanged
from console.model.failure import Failure
from console.services.long_look import LongLooks
from console.services.walk import Step, Walked


def walked(failure, detail="no connection within 2.0 s"):
    step = Step(
        probe="gateway", service="dashboard", hop="ray.local.dash-1.oss:7001", failure=failure, detail=detail,
        words={"address": "192.0.2.7"},
    )  # fmt: skip
    return Walked((Step(probe="name", service="dashboard", hop="ray.local.dash-1.oss"), step))


async def looked(failure):
    asked = []

    async def connect(address, port):
        asked.append((address, port))
        return Exchanged(failure, False, 3100.0, 3100.0)

    looks = LongLooks(connect)
    looks.note(walked(Failure.TIMED_OUT))
    looks.note(walked(Failure.TIMED_OUT))  # one look at a time
    assert looks.explained(walked(Failure.TIMED_OUT)).failure.failure is Failure.TIMED_OUT
    await looks.settle()
    assert asked == [("192.0.2.7", 7001)]
    return looks


async def test_a_host_that_nobody_has_is_named_as_soon_as_the_kernel_tells():
    looks = await looked(Failure.NO_HOST)
    for failure in (Failure.TIMED_OUT, Failure.TIMED_OUT_TOO):
        told = looks.explained(walked(failure))
        assert (told.failure.failure, told.failure.probe) == (Failure.NO_HOST, "gateway")
    refused = walked(Failure.REFUSED)
    assert looks.explained(refused) is refused


async def test_packets_that_are_dropped_stay_dropped_packets():
    looks = await looked(Failure.TIMED_OUT)
    assert looks.explained(walked(Failure.TIMED_OUT)).failure.failure is Failure.TIMED_OUT


async def test_an_address_that_answered_meanwhile_begins_anew():
    looks = await looked(Failure.NO_HOST)
    looks.note(walked(None))
    assert looks.explained(walked(Failure.TIMED_OUT)).failure.failure is Failure.TIMED_OUT
    looks.close()
