"""Tests on real processes. A package, so that the shared clusters end when a worker leaves it for other tests."""
