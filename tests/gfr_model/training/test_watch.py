from gfr_model.training.watch import warnings_of

FINE = {"flow_spread": 4.0, "tv": 8.0, "landmark_error_inner": 6.0, "dead_channels": 0.3}


def test_a_flow_that_follows_is_not_complained_about():
    assert warnings_of(FINE, FINE) == []
    assert warnings_of({}, FINE | {"flow_spread": 0.0}) == []  # at first it stands still everywhere
    assert warnings_of(FINE, FINE | {"tv": 80.0, "landmark_error_inner": 4.0}) == []  # rougher, and better for it
    assert warnings_of({}, {"psnr": 20.0}) == []  # a network without a flow


def test_a_flow_that_became_one_for_all_rough_or_dead_is_said_with_what_to_change():
    for worse, words in (
        ({"flow_spread": 0.01}, "the same for every input"),
        ({"tv": 41.0}, "rough"),
        ({"dead_channels": 0.95}, "95% of WarpNet"),
    ):
        (line,) = warnings_of(FINE, FINE | worse)
        assert words in line
        assert "warp_rate" in line
    assert len(warnings_of(FINE, {"flow_spread": 0.0, "tv": 1e3, "landmark_error_inner": 9.0, "dead_channels": 1})) == 3
