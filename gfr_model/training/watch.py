"""A watch on the flow: it may become the same for all inputs, or rough, and a run would go on for hours for nothing."""

from collections.abc import Mapping

SAME = 0.05  # px of spread over inputs: a flow with less is one flow for all
ROUGHER = 5.0  # times the total variation of the last validation
DEAD = 0.9  # share of WarpNet's bottleneck
ADVICE = "lower warp_rate and begin anew, or with --init from a run whose flow still followed"


def warnings_of(before: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """What is wrong with the flow of a validation, a sentence each; `before` are the last one's values, if any.

    At the first validation a flow may still be near the identity for all inputs, where it starts.
    """
    found = []
    spread, dead = now.get("flow_spread"), now.get("dead_channels", 0.0)
    if spread is not None and spread < SAME and "flow_spread" in before:
        found.append(f"the flow is the same for every input (spread {spread:.2f} px): {ADVICE}")
    error = "landmark_error_inner"
    if before.get("tv", 0.0) > 0 and now["tv"] > ROUGHER * before["tv"] and now[error] >= before[error]:
        rise = f"from {before['tv']:.3g} to {now['tv']:.3g}"
        found.append(f"the flow grows rough and meets no more landmarks (tv {rise}): {ADVICE}, or raise lambda_tv")
    if dead > DEAD:
        found.append(f"{dead:.0%} of WarpNet's bottleneck is 0 for every input: {ADVICE}")
    return found
