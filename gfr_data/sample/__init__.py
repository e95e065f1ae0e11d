"""Rendered photographs of invented people, because no dataset of faces may be shipped."""
