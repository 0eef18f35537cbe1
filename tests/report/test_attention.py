"""What tokens attend to: frames placed in seconds, the spectrogram, what is refused, and the picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from matplotlib import image

from svtok.corpora.synthetic.marker import MARKER_FILE
from svtok.errors import AudioError, SvtokError
from svtok.features.config import FeaturesConfig, PhoneticColumns, VadConfig
from svtok.features.spectral import spectral_features
from svtok.nets.network import Network
from svtok.report.attention import Attention, Phone, attend, caption_of, draw_attention, outline, spectrogram
from svtok.trained.classes import ClassList
from svtok.trained.config import Config
from svtok.trained.folder import TrainedNetwork
from svtok.trained.inference import read_recording

BANDS = 8


def untrained(
    *, head: str = "cls-dist", subsample: int = 1, features: FeaturesConfig | None = None, **fields: Any
) -> TrainedNetwork:
    """A tiny network as it would be loaded."""
    features = features or FeaturesConfig(bands=BANDS)
    front_end = {"channels": 4, "blocks": [8], "subsample": subsample}
    small = {"attention_heads": 2, "memory": {"slots": 4, "key_dim": 4}, "front_end": front_end}
    config = Config.model_validate({"features": features, "network": {**small, "head": head, **fields}})
    torch.manual_seed(0)
    network = Network(config.network, features.dim, 2, features.phonetic_dim).eval()
    return TrainedNetwork(network, config, features, ClassList((("ann", ""), ("bob", ""))), "hash")


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """Half a second of noise with silence at both ends: 48 frames."""
    rng = np.random.default_rng(0)
    wave = 1e-4 * rng.standard_normal(8000)
    wave[2000:6000] += 0.2 * rng.standard_normal(4000)
    soundfile.write(tmp_path / "noise.wav", wave, 16000)
    return tmp_path / "noise.wav"


def test_weights_are_given_as_multiples_of_an_equal_share_and_tokens_apart() -> None:
    one_head = np.array([[[0.25, 0.5, 0.125, 0.125]]])  # one token, three frames
    attention = Attention(("cls",), np.zeros((3, 2)), [one_head])
    np.testing.assert_allclose(attention.over_frames(0), [[[1.5, 0.375, 0.375]]])
    np.testing.assert_allclose(attention.on_tokens(0), [[0.25]])


@pytest.mark.parametrize(("subsample", "frames"), [(1, 48), (2, 24), (5, 10)])
def test_every_frame_that_the_attention_sees_has_its_time(audio: Path, subsample: int, frames: int) -> None:
    attention, drawn = attend(untrained(subsample=subsample), audio)
    assert attention.tokens == ("cls", "dist")
    assert attention.spans.shape == (frames, 2)
    assert [layer.shape for layer in attention.layers] == [(2, 2, 2 + frames)] * 2
    middle = attention.spans.mean(axis=1)
    np.testing.assert_allclose(middle, 0.0125 + 0.01 * subsample * np.arange(frames))
    for layer in range(2):
        whole = attention.over_frames(layer).sum(axis=2) / frames + attention.on_tokens(layer)
        np.testing.assert_allclose(whole, 1, rtol=1e-5)
    assert drawn.duration == 0.5


def test_attention_is_placed_where_the_frames_are_that_voice_activity_detection_keeps(audio: Path) -> None:
    features = FeaturesConfig(bands=BANDS, vad=VadConfig(context=0))
    attention, drawn = attend(untrained(features=features), audio)
    assert attention.spans.min() == pytest.approx(0.125, abs=0.025)
    assert attention.spans.max() == pytest.approx(0.375, abs=0.025)
    assert len(drawn.energies) == 48


def test_the_spectrogram_is_log_mel_whatever_the_features_are() -> None:
    wave = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    mfcc = FeaturesConfig(kind="mfcc", bands=24, num_ceps=13, deltas=2, vad=VadConfig(), frame_shift_ms=5)
    expected = spectral_features(wave, FeaturesConfig(bands=24, frame_shift_ms=5)).features
    drawn = spectrogram(wave, mfcc)
    np.testing.assert_array_equal(drawn.energies, expected)
    assert drawn.span == pytest.approx((0.01, 0.01 + 0.005 * len(expected)))
    assert (drawn.lowest, drawn.highest) == (20, 8000)
    several = spectrogram(wave, FeaturesConfig(bands=(8, 16), log_energy=True, normalise="gaussianise"))
    assert several.energies.shape == (23, 16)


class LoudestBand:
    """A phonetic column: which band is the loudest."""

    columns = PhoneticColumns(hash="loudest", dim=1)

    def __call__(self, features: Any) -> Any:
        return features.argmax(axis=1).astype(np.float32)[:, None]

    def copy_to(self, folder: Path) -> None:
        raise AssertionError("a picture keeps no copy")


def test_phonetic_columns_are_computed_for_a_network_that_reads_them(audio: Path) -> None:
    trained = untrained(features=FeaturesConfig(bands=BANDS, phonetic=LoudestBand.columns))
    wave, frames, lengths = read_recording(audio, trained.features, LoudestBand())
    assert frames.shape == (1, 48, BANDS + 1)
    np.testing.assert_array_equal(frames[0, :, BANDS], frames[0, :, :BANDS].argmax(dim=1))
    assert (len(wave), lengths.tolist()) == (8000, [48])
    attention, drawn = attend(trained, audio, LoudestBand())
    assert attention.layers[0].shape == (2, 2, 2 + 48)
    assert drawn.energies.shape == (48, BANDS)


@pytest.mark.parametrize("head", ["avg", "stats"])
def test_a_network_without_tokens_is_refused_with_what_to_take(audio: Path, head: str) -> None:
    with pytest.raises(SvtokError, match=f"head '{head}' pools frames and has no token .* cls, cls-sampled"):
        attend(untrained(head=head), audio)


def test_audio_that_the_network_cannot_read_is_refused(audio: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "8k.wav", np.zeros(8000), 8000)
    with pytest.raises(AudioError, match=r"8k.wav: sampling rate is 8000 Hz, not 16000"):
        attend(untrained(), tmp_path / "8k.wav")
    attend(untrained(features=FeaturesConfig(bands=BANDS, resample=True)), tmp_path / "8k.wav")
    soundfile.write(tmp_path / "short.wav", np.zeros(399), 16000)
    with pytest.raises(SvtokError, match=r"short.wav: lasts 399 samples, less than one window of 400"):
        attend(untrained(), tmp_path / "short.wav")
    with pytest.raises(SvtokError, match=r"noise.wav: has 48 frames; .* end after 40"):
        attend(untrained(positions="learned", max_frames=20, subsample=2), audio)


def test_synthetic_speech_is_called_that(tmp_path: Path) -> None:
    file = tmp_path / "corpus" / "sph" / "a.wav"
    file.parent.mkdir(parents=True)
    assert caption_of(file) == "sph/a.wav"
    (tmp_path / "corpus" / MARKER_FILE).touch()
    assert caption_of(file) == "sph/a.wav (SYNTHETIC speech)"


def test_a_step_goes_down_to_zero_before_the_next() -> None:
    np.testing.assert_allclose(outline(np.array([0.5, 1])), [0, 0.5, 0.5, 0, 0, 1, 1, 0])


@pytest.mark.slow
def test_the_picture_has_a_column_a_token_and_grows_with_the_layers(audio: Path, tmp_path: Path) -> None:
    sizes = {}
    kinds: dict[str, dict[str, Any]] = {"cls": {"head": "cls"}, "dist": {}, "deep": {"layers": 3}}
    for name, fields in kinds.items():
        path = tmp_path / f"{name}.png"
        draw_attention(*attend(untrained(**fields), audio), path, title="a title", phones=[Phone(0.1, 0.2, "ɑː")])
        sizes[name] = image.imread(path).shape[:2]
    assert sizes["dist"] == (sizes["cls"][0], 2 * sizes["cls"][1])
    assert sizes["deep"][0] > sizes["dist"][0] + 2 * 60
    assert sizes["deep"][1] == sizes["dist"][1]
    assert not list(tmp_path.glob(".*"))
