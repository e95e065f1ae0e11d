"""Eq. 4, and what goes beyond it, with real files, the reference: `gfr-data degrade` and the sheet that shows it."""
