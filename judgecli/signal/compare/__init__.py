"""Two sides on the same prompts, and the ranking of more than two."""
