import json
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfr_model.config import TrainConfig, differences
from gfr_model.presets import PRESETS, resolve
from manifests import ConfigError, DataError
from manifests.degradation.passes import WIDE
from manifests.degradation.space import PAPER_SPACE
from manifests.settings import from_toml, from_values, to_toml


def test_paper_preset_has_the_papers_numbers():
    config = resolve("paper")
    weights = (config.lambda_l2, config.lambda_perceptual, config.lambda_adv_global, config.lambda_adv_local)
    assert weights == (100, 0.001, 1, 0.5)
    assert (config.lambda_landmark, config.lambda_tv) == (10, 1)
    assert (config.label_fake, config.label_real) == (0, 0.9)
    assert config.learning_rates == (2e-4, 2e-5, 2e-6)
    assert (config.beta1, config.batch_size, config.warp_epochs, config.epochs) == (0.5, 1, 5, 100)
    assert (config.precision, config.output_skip, config.norm, config.width) == ("float32", False, "instance", 64)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_toml_and_json(name):
    config = PRESETS[name]()
    assert from_toml(TrainConfig, to_toml(config), "x") == config
    assert from_values(TrainConfig, json.loads(json.dumps(asdict(config))), "x") == config


@given(st.text(), st.floats(min_value=1e-9, max_value=1e9), st.lists(st.integers(0, 2**53), max_size=3))
def test_any_value_survives_toml(text, number, steps):
    config = TrainConfig(vgg_face=text, lambda_l2=number, rate_steps=tuple(steps))
    assert from_toml(TrainConfig, to_toml(config), "x") == config


def test_set_wins_over_file_and_file_over_preset(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("width = 8\nbatch_size = 3\nscale = 4\n")
    config = resolve("demo", file, ["width=12", "learning_rates=[1e-3]", "vgg_face=off", "flip=false"])
    assert (config.width, config.batch_size, config.scale) == (12, 3, "4")
    assert (config.learning_rates, config.vgg_face, config.flip) == ((1e-3,), "off", False)


def test_misspelt_setting_is_refused_and_the_nearest_named():
    with pytest.raises(ConfigError, match="unknown setting 'bach_size', did you mean 'batch_size'"):
        resolve("paper", assignments=["bach_size=3"])


def test_all_problems_are_reported_at_once(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("widht = 8\n")
    with pytest.raises(ConfigError) as caught:
        resolve("paper", file, ["batch_size=0", "variant=-Q", "seed=x", "nonsense", "learning_rates=[-1]"])
    text = str(caught.value)
    for part in (
        "widht",
        "width",
        "batch_size must be",
        "variant must be",
        "seed must be a valid integer",
        "KEY=VALUE",
        "rates",
    ):
        assert part in text
    assert "\n" not in text


@pytest.mark.parametrize("value", ["true", "1.5", '"a"', "nan", "[1]"])
def test_a_count_is_a_whole_number(value):
    with pytest.raises(ConfigError, match="batch_size"):
        resolve("paper", assignments=[f"batch_size={value}"])


def test_broken_and_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.toml"):
        resolve("paper", tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = = 3")
    with pytest.raises(ConfigError, match=r"bad\.toml is no TOML"):
        resolve("paper", tmp_path / "bad.toml")


def test_only_what_leaves_the_steps_alone_may_change_when_a_run_continues():
    old = TrainConfig()
    assert differences(old, replace(old, max_steps=7, checkpoint_every=3)) == []
    assert differences(old, replace(old, width=16)) == ["width was 64 and is 16"]


def test_every_setting_says_what_it_means_in_the_file_of_a_run():
    lines = to_toml(TrainConfig()).splitlines()
    assert [line.partition(" = ")[0] for line in lines] == [field.name for field in fields(TrainConfig)]
    assert all(len(line.rpartition("  # ")[2]) > 3 for line in lines)
    assert "batch_size = 1  # samples per step, over all processes together" in lines


def test_settings_that_are_at_odds_are_named_together():
    with pytest.raises(ConfigError, match=r"variant -F is one of gfrnet.*rate_steps has more values"):
        resolve("paper", assignments=["model=srcnn", "variant=-F", "rate_steps=[1, 2, 3, 4]"])


def test_the_paper_s_preset_uses_nothing_that_is_beyond_it():
    config = resolve("paper")
    assert (config.alignment, config.recnet, config.warp_size, config.flow_reduction) == ("none", "unet", 0, "sum")
    off = ("lambda_face", "lambda_identity", "warmup_steps", "clip", "ema", "weight_decay", "jitter", "jitter_angle")
    assert all(getattr(config, name) == 0 for name in (*off, "grey", "strangers", "no_guide"))
    assert (config.decay, config.guides, config.init, config.warp_rate) == ("none", "chosen", (), 2e-4)


def test_no_preset_gives_warpnet_a_rate_that_kills_it():
    assert all(preset().warp_rate <= 2e-4 for preset in PRESETS.values())


def test_the_preset_of_landmarks_trains_on_their_distance_alone():
    config = resolve("points")
    weights = (config.lambda_l2, config.lambda_perceptual, config.lambda_adv_global, config.lambda_adv_local)
    assert weights == (0, 0, 0, 0)
    assert (config.model, config.lambda_points) == ("points", 1)


def test_the_end_of_a_run_may_not_move_under_a_curve_over_the_whole_of_it():
    old = TrainConfig(decay="cosine", max_steps=10)
    assert differences(old, replace(old, max_steps=20)) == ["max_steps was 10 and is 20"]


def test_a_space_is_kept_without_its_file_and_its_four_parameters_are_its_own_where_nothing_is_said(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[last]\nnoise_sigma = "0,30"\n')
    config = resolve("paper", assignments=[f"space={file}", "scale=4"])
    file.write_text("")
    again = from_toml(TrainConfig, to_toml(config), "x")
    assert again == config
    last = again.degradations.last
    assert (last.noise_sigma, last.scale, last.blur_sigma) == ("0,30", "4", WIDE.last.blur_sigma)
    assert resolve("paper", assignments=["space=wide"]).degradations == WIDE
    assert TrainConfig().degradations == PAPER_SPACE
    assert resolve("paper", assignments=["space=wide", "noise_sigma=50"]).degradations.last.noise_sigma == "50"
    with pytest.raises(ConfigError, match="noise_sigma cannot be 50"):
        resolve("paper", assignments=["noise_sigma=50"])
    file.write_text('[last]\nnoise_sigma = "30"\n')
    other = resolve("paper", assignments=[f"space={file}", "scale=4"])
    assert [line.split(" was")[0] for line in differences(config, other)] == ["space"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[last]\ncodec = "webp"', "space has the codec webp, which only gfr-data degrade makes"),
        ("[last]\nnoise = 3", r"mine\.toml: unknown setting 'last.noise'"),
    ],
)
def test_a_space_that_no_trainer_can_draw_from_is_refused(tmp_path, text, message):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        resolve("paper", assignments=[f"space={tmp_path / 'mine.toml'}"])
    with pytest.raises(ConfigError, match="cannot read the settings"):
        resolve("paper", assignments=["space=none.toml"])
