from dataclasses import replace

import pytest

from gfr_model.config import TrainConfig
from gfr_model.training import schedule


def _walk(losses, config):
    state = schedule.begin(schedule.Schedule(), 0, config)
    rates = []
    for step, loss in enumerate(losses, start=1):
        if schedule.finished(state, config):
            break
        rates.append(schedule.rate(state, config))
        state = schedule.after_validation(state, loss, step, config)
    return rates, state


def test_each_rate_stays_until_the_validation_loss_stops_falling():
    config = TrainConfig(patience=2)
    rates, state = _walk([5, 4, 3, 3, 3, 2, 2.5, 2.5, 2.4, 2.3, 9, 9], config)
    assert rates == [2e-4] * 5 + [2e-5] * 3 + [2e-6] * 2
    assert schedule.finished(state, config)
    assert (state.best_loss, state.best_step) == (2, 6)


def test_a_loss_that_is_not_finite_is_no_improvement():
    config = TrainConfig(patience=1)
    _, state = _walk([float("nan")], config)
    assert state.best_loss is None
    assert state.rate_index == 1


def test_longest_stay_ends_a_rate():
    config = TrainConfig(rate_steps=(10,))
    state = schedule.begin(schedule.Schedule(), 5, config)
    assert schedule.begin(state, 14, config).rate_index == 0
    assert schedule.begin(state, 15, config).rate_index == 1


def test_plan_counts_epochs_in_samples():
    config = TrainConfig(batch_size=8, warp_epochs=5, epochs=100)
    plan = schedule.make_plan(config, 20)
    assert plan == schedule.Plan(warp_steps=13, total_steps=250, validate_every=3)


def test_variants_without_a_flow_loss_have_no_first_stage():
    for variant in ("-F", "-W", "-WG", "-W2", "-WG2"):
        assert schedule.make_plan(TrainConfig(variant=variant), 20).warp_steps == 0
    assert schedule.make_plan(replace(TrainConfig(), max_steps=30), 20).total_steps == 30


def test_warpnet_s_rate_falls_with_the_others_in_proportion():
    config, plan = TrainConfig(warp_rate=3e-4), schedule.Plan(10, 100, 10)
    assert schedule.rates(3, True, schedule.Schedule(), plan, config) == (3e-4, 3e-4)
    assert schedule.rates(50, False, schedule.Schedule(rate_index=0), plan, config) == (2e-4, 3e-4)
    assert schedule.rates(50, False, schedule.Schedule(rate_index=1), plan, config) == pytest.approx((2e-5, 3e-5))


def test_a_cosine_takes_all_rates_to_a_hundredth_after_their_rise():
    config = TrainConfig(decay="cosine", warmup_steps=10, learning_rates=(1.0,), warp_rate=2.0)
    plan = schedule.Plan(0, 1000, 10)
    found = [schedule.rates(step, False, schedule.Schedule(), plan, config) for step in range(1001)]
    assert found[0][0] == pytest.approx(0.1)
    assert found[500][0] == pytest.approx(0.505)
    assert found[1000][0] == pytest.approx(0.01)
    assert all(warp == pytest.approx(2 * other) for other, warp in found)
    falling = [other for other, _ in found[10:]]
    assert falling == sorted(falling, reverse=True)


def test_windows_give_way_to_whole_crops_in_the_last_tenth():
    config = TrainConfig(variant="-W", recnet="attentive", window=192)
    plan = schedule.Plan(0, 100, 10)
    assert [schedule.window_of(step, plan, config) for step in (0, 89, 90, 99)] == [192, 192, 0, 0]
    assert schedule.window_of(0, plan, TrainConfig()) == 0


def test_a_stage_is_named_and_ends_where_it_ends():
    plan = schedule.Plan(warp_steps=3, total_steps=9, validate_every=1)
    assert [plan.stage(done) for done in (1, 3, 4, 9)] == [
        ("train WarpNet (stage 1 of 2)", 1, 3),
        ("train WarpNet (stage 1 of 2)", 3, 3),
        ("train all (stage 2 of 2)", 4, 9),
        ("train all (stage 2 of 2)", 9, 9),
    ]
    assert schedule.Plan(0, 9, 1).stage(4) == ("train", 4, 9)
