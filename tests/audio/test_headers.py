from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svtok.audio.decode import read_header

MAGICS = [b"RIFF\x24\x00\x00\x00WAVE", b"FORM\x00\x00\x00\x24AIFF", b"NIST_1A\n   1024\n", b"NIST_1A\n", b""]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=200))
def test_no_content_breaks_the_look_at_a_header(tmp_path: Path, magic: bytes, rest: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(magic + rest)
    header = read_header(path)
    assert header.size is None or header.streamed_at is None


def test_the_fields_of_a_sphere_header(tmp_path: Path) -> None:
    path = tmp_path / "a.sph"
    path.write_bytes(
        b"NIST_1A\n   1024\nsample_count -i 8000\nsample_n_bytes -i 2\nspeaker -s9 m 01 then\nend_head\nnoise -i 1"
    )
    header = read_header(path)
    assert header.sphere == {
        "header_bytes": "1024",
        "sample_count": "8000",
        "sample_n_bytes": "2",
        "speaker": "m 01 then",
    }
    assert header.size == 1024 + 16000
