"""Eq. 4 with real JPEG files, the reference: `gfr-data degrade` and the sheet that shows it."""
