"""The reward: scores composed into one number by a spec that its owner wrote down, and what follows from it."""
