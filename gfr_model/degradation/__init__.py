"""Eq. 4, and what goes beyond it, for a batch on any device, the bits of `gfr_data.degradation.reference`."""
