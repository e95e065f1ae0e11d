"""Restorations compared with the truth: methods, metrics, and the scores table they fill."""
