"""Rendered photographs of invented people, because no dataset of faces may be shipped."""

from gfr_data.sample.write import SampleSummary, plan_sample, render_sample

__all__ = ["SampleSummary", "plan_sample", "render_sample"]
