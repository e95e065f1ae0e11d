"""Eq. 4 for a batch on any device, the bits of `gfr_data.degradation.reference`."""
