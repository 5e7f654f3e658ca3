"""Reward models: people's preferences train a model that predicts them, so that every output can be scored for nothing."""
