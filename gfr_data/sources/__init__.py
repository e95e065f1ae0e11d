"""Datasets indexed without decoding: layouts, persons, the dataset's own boxes."""
