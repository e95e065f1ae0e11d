"""Whether a face is good enough: one file per measure, thresholds and reasons in `judge`."""
