"""Photographs to manifests: sources, decoding, detection, landmarks, quality, selection, splits, degradation."""
