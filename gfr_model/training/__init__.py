"""The procedure of §4.2: pairs, batches, losses, one step, the loop, validation, the run's folder."""
