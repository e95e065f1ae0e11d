"""Networks that other programs trained, as run folders."""
