"""Processes that do one command together: each its share, one of them writes, and what comes out is that of one."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from svtok.errors import SvtokError
from svtok.features.config import FeaturesConfig
from svtok.files import sha256_of_files
from svtok.manifest.sets import read_set
from svtok.ranks import ALONE, Ranks, current_ranks
from tests.processes import svtok, together
from tests.verifier.conftest import CONFIG, write_dev, write_network


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert current_ranks() == ALONE
    assert (ALONE.first(lambda: 3), ALONE.gather("a"), ALONE.share([1, 2])) == (3, ["a"], [1, 2])
    ALONE.meet()


@pytest.mark.parametrize(("rank", "world"), [("1", "1"), ("-1", "2"), ("a", "2"), ("0", "")])
def test_what_torchrun_never_sets_is_refused(monkeypatch: pytest.MonkeyPatch, rank: str, world: str) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)
    with pytest.raises(SvtokError, match=f"RANK={rank}, WORLD_SIZE={world}.*: not what torchrun sets"):
        current_ranks()


@pytest.mark.parametrize("world", [1, 2, 5])
def test_shares_are_all_items_once(world: int) -> None:
    shares = [Ranks(rank, world).share(range(13)) for rank in range(world)]
    assert sorted(item for share in shares for item in share) == [*range(13)]
    assert {len(share) for share in shares} <= {13 // world, 13 // world + 1}


def exchange() -> None:
    ranks = current_ranks()
    print(ranks.first(lambda: f"of {ranks.rank}"), ranks.gather(10 * ranks.rank))
    ranks.meet()


def lose_one() -> None:
    ranks = current_ranks()
    ranks.meet()
    if ranks.rank == 1:
        os._exit(9)
    try:
        ranks.first(lambda: None)
        ranks.gather(None)
    except SvtokError as error:
        print(error)


def test_processes_that_were_started_again_do_not_take_what_dead_ones_left_in_the_store() -> None:
    from torch.distributed import HashStore  # type: ignore[attr-defined]

    world, store = 3, HashStore()
    with ThreadPoolExecutor(world) as pool:

        def attempt() -> list[str]:
            return list(pool.map(lambda rank: Ranks(rank, world)._name_of_attempt(store), range(world)))

        for first, *others in [attempt(), attempt(), attempt()]:
            assert others == [first] * (world - 1)
        names = {attempt()[0] for _ in range(5)}
    assert len(names) == 5


@pytest.mark.slow
def test_the_first_is_heard_and_hears_of_all(tmp_path: Path) -> None:
    assert together(tmp_path, 3, exchange) == [(0, "of 0 [0, 10, 20]\n"), (0, "of 0 []\n"), (0, "of 0 []\n")]


@pytest.mark.slow
def test_a_process_that_is_gone_is_an_error_in_the_others(tmp_path: Path) -> None:
    (status, printed), (lost, _) = together(tmp_path, 2, lose_one)
    assert (status, lost) == (0, 9)
    assert printed.startswith("another process of this job has ended")


@pytest.mark.slow
def test_the_work_of_one_process_is_refused_to_several(tmp_path: Path) -> None:
    for status, printed in together(tmp_path, 2, svtok, "validate", "data/mine"):
        assert status == 2
        assert "svtok validate is the work of one process: start it without torchrun" in printed


def extract_in_small_parts(data: Path) -> None:
    from svtok.features import extract

    extract.UTTERANCES_A_PART = 16
    config = FeaturesConfig.model_validate(CONFIG["features"])
    assert extract.extract_features(read_set(data), config, Path("feats"), 1, ranks=current_ranks())


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_of_files([path]) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_features_and_embeddings_by_several_processes_are_those_of_one_byte_for_byte(tmp_path: Path) -> None:
    data, network = tmp_path / "data/my/dev", tmp_path / "exp/net"
    write_dev(data)
    write_network(network)
    arguments = ("--network", str(network), "--data", str(data), "--features", "feats", "--out", "emb")
    made = {}
    for world in (1, 3):
        folder = tmp_path / f"by-{world}"
        assert [status for status, _ in together(folder, world, extract_in_small_parts, data)] == [0] * world
        ended = together(folder, world, svtok, "extract-embeddings", *arguments, "--device", "cpu")
        assert [status for status, _ in ended] == [0] * world, ended
        assert [bool(printed) for _, printed in ended] == [True] + [False] * (world - 1)
        made[world] = contents(folder / "feats") | contents(folder / "emb")
    assert {"features.npy", "embeddings.npy"} <= made[1].keys()
    assert made[1] == made[3]


@pytest.mark.slow
def test_every_process_says_what_is_wrong_with_its_recordings_and_the_first_prints_all(tmp_path: Path) -> None:
    data = tmp_path / "data/my/dev"
    write_dev(data)
    broken = [tmp_path / f"data/my/audio/s{number}-open-0.wav" for number in range(8)]
    for path in broken:
        path.write_bytes(b"no audio")
    (status, printed), (other, nothing) = together(tmp_path, 2, extract_in_small_parts, data)
    assert (status, other) == (1, 1)
    assert all(str(path) in printed for path in broken)
    assert "FirstFailedError" in nothing
    assert not (tmp_path / "feats").exists()
