"""The least that a Ray job with a Serve application can be: it starts one, has it answer one request, and ends."""

import sys
import time
import urllib.request

import ray
from ray import serve


@serve.deployment
class Empty:
    def __call__(self, _request):
        return "here"


ray.init(log_to_driver=False)
serve.start(http_options={"host": sys.argv[1], "port": int(sys.argv[2])})
serve.run(Empty.bind(), name="empty", route_prefix="/empty")
while urllib.request.urlopen(f"http://{sys.argv[1]}:{sys.argv[2]}/empty").read() != b"here":
    time.sleep(0.05)
print("answered", flush=True)
serve.delete("empty")
