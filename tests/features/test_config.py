from pathlib import Path

import pytest

from svtok.config import validated
from svtok.errors import ProblemsError
from svtok.features.config import FeaturesConfig, VadConfig, read_features_config


def refusal(**fields: object) -> str:
    with pytest.raises(ProblemsError) as caught:
        validated(FeaturesConfig, fields, "features.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("fields", "dim"),
    [
        ({}, 64),
        ({"bands": 80}, 80),
        ({"bands": [24, 32], "log_energy": True}, 57),
        ({"bands": [24, 32], "log_energy": True, "deltas": 1}, 114),
        ({"kind": "mfcc", "deltas": 2}, 60),
        ({"kind": "mfcc", "deltas": 2, "log_energy": True}, 60),
        ({"kind": "mfcc", "num_ceps": 13, "bands": 23}, 13),
    ],
)
def test_dim_counts_bands_energy_and_derivatives(fields: dict[str, object], dim: int) -> None:
    assert validated(FeaturesConfig, fields, "x").dim == dim


def test_the_defaults_are_64_mean_normalised_bands_of_16_khz() -> None:
    config = FeaturesConfig()
    assert (config.kind, config.bands, config.normalise, config.sample_rate) == ("fbank", (64,), "mean", 16000)
    assert (config.frame_length, config.frame_shift, config.upper_freq) == (400, 160, 8000)


def test_every_field_is_documented() -> None:
    for model in (FeaturesConfig, VadConfig):
        assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_a_configuration_survives_being_written_and_read() -> None:
    config = FeaturesConfig(kind="mfcc", bands=(30,), deltas=2, vad=VadConfig(context=5), normalise="gaussianise")
    assert validated(FeaturesConfig, config.model_dump(mode="json"), "x") == config


def test_high_freq_counts_down_from_half_the_rate() -> None:
    assert FeaturesConfig(high_freq=-400).upper_freq == 7600
    assert FeaturesConfig(high_freq=3800).upper_freq == 3800


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_bands": 64}, "unknown key 'num_bands'"),
        ({"normalize": "mean"}, "did you mean 'normalise'?"),
        ({"kind": "plp"}, "kind: unknown value 'plp' (known: fbank, mfcc)"),
        ({"window": "hann"}, "did you mean 'hanning'?"),
        ({"vad": {"treshold": 1}}, "vad: unknown key 'treshold'"),
        ({"bands": 3}, "bands.0: input should be greater than or equal to 4"),
        ({"bands": []}, "bands: "),
        ({"kind": "mfcc", "bands": [24, 32]}, "mfcc takes one bank of filters"),
        ({"kind": "mfcc", "bands": 12}, "'num_ceps' is 20, more than the 12 'bands'"),
        ({"num_ceps": 13}, "'num_ceps' is given, but 'kind' is fbank"),
        ({"cepstral_lifter": 0}, "'cepstral_lifter' is given, but 'kind' is fbank"),
        ({"gaussianise_window_s": 2}, "'gaussianise_window_s' is given, but 'normalise' is mean"),
        ({"high_freq": 9000}, "reach from 20 to 9000 Hz"),
        ({"low_freq": 500, "high_freq": 400}, "reach from 500 to 400 Hz"),
        ({"frame_shift_ms": 0.01}, "'frame_shift_ms' 1 at this 'sample_rate'"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, object], message: str) -> None:
    assert message in refusal(**fields)


def test_a_file_may_hold_the_other_sections(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text("features: {bands: 40}\nnetwork: {width: 128}\ntraining:\n")
    assert read_features_config(path) == FeaturesConfig(bands=(40,))
    path.write_text("features:\n")
    assert read_features_config(path) == FeaturesConfig()
    path.write_text("network: {width: 128}\n")
    assert read_features_config(path) == FeaturesConfig()


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text("feature: {bands: 40}\n")
    with pytest.raises(ProblemsError, match=r"all.yaml: unknown key 'feature' .*did you mean 'features'"):
        read_features_config(path)
    path.write_text("features: {band: 40}\n")
    with pytest.raises(ProblemsError, match=r"all.yaml: features: unknown key 'band'"):
        read_features_config(path)
