"""Reference against current: what changed, where, and whose doing it is."""
