"""Feedback records out: one training format a file, found without a list (format.py)."""
