"""Forwards that raydeck keeps open with the system's ssh: supervised, restarted, ended with whoever asked for them.

``plans`` says which forwards a cluster needs, a ``Keeper`` keeps those of one tunnel, ``Forwards`` has all keepers of
one process, ``background`` is the process of ``tunnel up --background``, ``control`` starts, asks and ends that one.
"""
