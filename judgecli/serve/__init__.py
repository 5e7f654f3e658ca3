"""Servers on this machine: the fake judge for tests."""
