"""Ray clusters that raydeck starts on this machine, beside any other Ray, and takes down again without a trace.

Each cluster (and the Prometheus that scrapes them) is started by a *guard*, a small process in a session of its own
which adopts whatever its cluster forks. The guard alone writes the cluster's record into the state folder, and it
takes everything down when it is told to, when the starter dies before the cluster was handed over, or when the
console ends whose lifetime the cluster shares. Import from the modules: ``starter`` (up, down), ``registry``
(running, prometheus_url); the guard's own modules stay small so that it starts in a blink.
"""
