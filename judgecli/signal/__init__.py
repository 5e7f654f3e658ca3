"""Scores aggregated: formulas over reduced numbers, no files and no SQL."""
