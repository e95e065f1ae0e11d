"""`gfr-eval app`: a page to drop photographs and guides on, served to this machine alone."""
