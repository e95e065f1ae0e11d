"""Manifests to model: batched degradation, networks, losses, training, evaluation, restoration."""
