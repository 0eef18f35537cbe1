"""svtok enroll, verify, identify, voices."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svtok.cli.lazy import LazyCommand, LazyGroup
from svtok.cli.options import asked_cost, channel_option, threshold_options, together
from svtok.cli.values import AT_LEAST_ONE, FILE, FOLDER, NETWORK, POSITIVE
from svtok.errors import GREEN, RED, coloured

if TYPE_CHECKING:
    from svtok.trained.embed import Recorded
    from svtok.verifier import Match, Verifier

REJECTED = 3
"""The exit status where a recording is not accepted; errors have others."""

store_option = together(
    click.option(
        "--store", type=FILE, default=Path("voices.db"), show_default=True, help="File of the enrolled voices."
    ),
    click.option(
        "--key-file",
        type=FILE,
        envvar="SVTOK_VOICES_KEY_FILE",
        show_envvar=True,
        help="File with the passphrase of an encrypted store; a store that is made now becomes one.",
    ),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
verifier_options = together(
    click.option(
        "--network",
        type=NETWORK,
        show_default="pretrained, which comes with svtok",
        help="Folder of the network that hears, a trained or an exported one.",
    ),
    click.option(
        "--scorer", type=FOLDER, show_default="NETWORK/scorer", help="Folder of a scorer that was fitted on it."
    ),
    store_option,
    channel_option,
    click.option(
        "--record",
        type=POSITIVE,
        metavar="SECONDS",
        help="In place of files, record from the microphone (pip install 'svtok[microphone]').",
    ),
)
recording_argument = click.argument("recording", type=FILE, required=False)
speaker_option = click.option("--speaker", required=True, help="Name of the speaker.")


@click.command()
@click.argument("recordings", nargs=-1, type=FILE)
@speaker_option
@click.option("--phrase", required=True, help="What is said, or a name for it.")
@verifier_options
@click.option("--takes", type=AT_LEAST_ONE, default=3, show_default=True, help="With --record: how many recordings.")
@json_option
def enroll(
    recordings: tuple[Path, ...],
    speaker: str,
    phrase: str,
    record: float | None,
    takes: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Add recordings of a speaker saying a phrase to the store of voices; three and more enroll well.

    The store holds embeddings and the states of frames, and no audio. Recordings that are silent, clipped, too short,
    mostly noise, or unlike the other takes are refused with what was measured, and then nothing is added.

    \b
    Example:
      svtok enroll --network exp/cls --speaker anna --phrase "open the door" a.wav b.wav c.wav
      svtok enroll --network exp/cls --speaker anna --phrase "open the door" --record 3
    """
    if bool(recordings) == (record is not None):
        raise click.UsageError("name recordings, or give --record SECONDS, and not both")
    verifier = _load(options)
    given: Sequence[Recorded] = recordings or [
        _recorded(verifier, record or 0, f"take {number} of {takes}") for number in range(1, takes + 1)
    ]
    enrolled = verifier.enroll(speaker, phrase, given)
    if as_json:
        qualities = list(map(asdict, enrolled.qualities))
        _print({"speaker": enrolled.speaker, "phrase": enrolled.phrase, "takes": enrolled.takes, "added": qualities})
        return
    count = f"{len(given)} recording{'s' * (len(given) > 1)}"
    click.echo(
        f"{verifier.voices.path}: added {count} of '{enrolled.speaker}' saying '{enrolled.phrase}', which has "
        f"{enrolled.takes} now"
    )


@click.command()
@recording_argument
@speaker_option
@click.option("--phrase", show_default="any that the speaker enrolled", help="Which phrase it must be.")
@verifier_options
@threshold_options
@json_option
def verify(
    recording: Path | None,
    speaker: str,
    phrase: str | None,
    record: float | None,
    false_accept_rate: float | None,
    cost: Sequence[tuple[str, float]],
    as_json: bool,
    **options: Any,
) -> None:
    """Accept or reject: is the recording of this speaker, saying an enrolled phrase?

    The exit status is 0 for accept, 3 for reject, and another for an error. Log likelihood ratios are natural
    logarithms. What decides is the ratio of speaker and phrase together; those of the speaker alone and of the phrase
    alone say why. The threshold is for a false-accept rate of 1 %, of impostors who say the phrase and of the speaker's
    own wrong phrases each, where nothing else is asked for.

    \b
    Example:
      svtok verify --network exp/cls --speaker anna d.wav
      svtok verify --network exp/cls --speaker anna --phrase "open the door" --false-accept-rate 0.001 d.wav
      svtok verify --network exp/cls --speaker anna --record 3 --json
    """
    wanted = asked_cost(cost, false_accept_rate)
    verifier = _load(options)
    heard = _one(verifier, recording, record)
    match = verifier.verify(speaker, heard, phrase, false_accept_rate=false_accept_rate, cost=wanted)
    if as_json:
        _print(_described(match))
    else:
        first, *more = _text(match)
        click.echo("\n".join([coloured(first, GREEN if match.accepted else RED, sys.stdout), *more]))
    sys.exit(0 if match.accepted else REJECTED)


@click.command()
@recording_argument
@click.option("--phrase", show_default="all", help="Only voices that enrolled this phrase.")
@click.option("--top", type=AT_LEAST_ONE, show_default="all", help="Print the likeliest only.")
@verifier_options
@threshold_options
@json_option
def identify(
    recording: Path | None,
    phrase: str | None,
    top: int | None,
    record: float | None,
    false_accept_rate: float | None,
    cost: Sequence[tuple[str, float]],
    as_json: bool,
    **options: Any,
) -> None:
    """Rank all voices by how likely the recording is theirs.

    The exit status is 0 where one is accepted, 3 where none is, and another for an error. A false-accept rate is that
    of one voice: among many, one or the other accepts a stranger more often.

    \b
    Example:
      svtok identify --network exp/cls d.wav
      svtok identify --network exp/cls --phrase "open the door" --top 5 --json d.wav
    """
    wanted = asked_cost(cost, false_accept_rate)
    verifier = _load(options)
    heard = _one(verifier, recording, record)
    matches = verifier.identify(heard, phrase, false_accept_rate=false_accept_rate, cost=wanted)
    if as_json:
        _print([_described(match) for match in matches[:top]])
    else:
        click.echo("\n".join(_ranking(matches[:top])))
    sys.exit(0 if any(match.accepted for match in matches) else REJECTED)


@click.group(
    cls=LazyGroup,
    lazy={
        "list": LazyCommand("svtok.cli.voices", "list_voices", "Print the enrolled voices."),
        "remove": LazyCommand("svtok.cli.voices", "remove", "Remove a speaker, or one of its phrases."),
        "export": LazyCommand("svtok.cli.voices", "export", "Write all that is held of voices as JSON."),
    },
)
def voices() -> None:
    """The enrolled voices: list, remove, export.

    \b
    Example:
      svtok voices list
      svtok voices remove --speaker anna
      svtok voices export --speaker anna --out anna.jsonl
    """


@click.command("list")
@store_option
@json_option
def list_voices(store: Path, key_file: Path | None, as_json: bool) -> None:
    """Print the enrolled voices: speaker, phrase, number of takes, and when the last was added.

    \b
    Example:
      svtok voices list --store voices.db
    """
    from svtok.embeddings.voices import Voices

    found = Voices(store, key_file).list()
    if as_json:
        _print([voice._asdict() for voice in found])
        return
    for voice in found:
        click.echo("\t".join(map(str, voice)))
    if not found:
        click.echo(f"{store}: no voices", err=True)


@click.command()
@speaker_option
@click.option("--phrase", show_default="all of them", help="Remove this phrase only.")
@store_option
@json_option
def remove(speaker: str, phrase: str | None, store: Path, key_file: Path | None, as_json: bool) -> None:
    """Remove a speaker, or one of its phrases. What was there is overwritten in the file; copies of it are yours to
    remove.

    \b
    Example:
      svtok voices remove --speaker anna
      svtok voices remove --speaker anna --phrase "open the door"
    """
    from svtok.embeddings.voices import Voices

    count = Voices(store, key_file).remove(speaker, phrase)
    if as_json:
        _print({"speaker": speaker, "phrase": phrase, "removed": count})
    else:
        click.echo(f"{store}: removed {count} take{'s' * (count > 1)} of '{speaker}'")


@click.command()
@click.option("--speaker", show_default="all", help="Only what is held of this speaker.")
@click.option("--out", type=FILE, required=True, help="File to write, a line of JSON for each take.")
@store_option
@json_option
def export(speaker: str | None, out: Path, store: Path, key_file: Path | None, as_json: bool) -> None:
    """Write all that the store holds, a take a line: speaker, phrase, when it was added, network, embedding and the
    states of the frames. Only its owner may read the file.

    \b
    Example:
      svtok voices export --speaker anna --out anna.jsonl
    """
    from svtok.embeddings.voices import Voices
    from svtok.files import writing_file

    takes = 0
    with writing_file(out) as temporary, open(temporary, "w", encoding="utf-8", opener=_private) as stream:
        for take in Voices(store, key_file).export(speaker):
            stream.write(json.dumps(take, ensure_ascii=False) + "\n")
            takes += 1
    if as_json:
        _print({"out": str(out), "takes": takes})
    else:
        click.echo(f"{out}: {takes} take{'s' * (takes > 1)}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _load(options: dict[str, Any]) -> Verifier:
    from svtok.verifier import Verifier

    network = options.pop("network")
    return Verifier.load(network, **options)


def _one(verifier: Verifier, recording: Path | None, record: float | None) -> Recorded:
    if (recording is None) == (record is None):
        raise click.UsageError("name a recording, or give --record SECONDS, and not both")
    return _recorded(verifier, record, "recording") if record is not None else recording or Path()


def _recorded(verifier: Verifier, seconds: float, what: str) -> Recorded:
    from svtok.audio.microphone import record

    rate = verifier.trained.features.sample_rate
    if sys.stdin.isatty():
        click.prompt(f"{what}: press Enter, and speak for {seconds:g} s", default="", show_default=False, err=True)
    else:
        click.echo(f"{what}: speak now, for {seconds:g} s", err=True)
    return record(seconds, rate), rate


def _described(match: Match) -> dict[str, Any]:
    """A match as values of JSON."""
    aspects = {
        of: {
            "reached": judgement.accepted,
            "llr": judgement.llr,
            "threshold": judgement.threshold.value,
            "reason": judgement.threshold.reason,
            "note": judgement.threshold.note,
        }
        for of, judgement in match.judgements.items()
    }
    return {"speaker": match.speaker, "phrase": match.phrase, "accepted": match.accepted, "aspects": aspects}


def _text(match: Match) -> Iterator[str]:
    doubtful = "" if match.accepted or not match.doubtful else f" (the {' and the '.join(match.doubtful)})"
    yield f"{'accept' if match.accepted else 'reject'}: '{match.speaker}' saying '{match.phrase}'{doubtful}"
    yield f"{'':10}{'log ratio':>10}{'threshold':>11}"
    for of, (llr, threshold) in match.judgements.items():
        word = "reached" if match.judgements[of].accepted else "missed"
        yield f"{of:10}{llr:10.2f}{threshold.value:11.2f}  {word}, {threshold.reason}"
    for note in dict.fromkeys(judgement.threshold.note for judgement in match.judgements.values()):
        if note:
            yield f"note: {note}"
    if "phrase" not in match.judgements:
        yield "note: the scorer does not decide phrases: fit one with --frames"


def _ranking(matches: Sequence[Match]) -> Iterator[str]:
    aspects = list(matches[0].judgements)
    yield "\t".join(["rank", "decision", *aspects, "name", "says"])
    for rank, match in enumerate(matches, start=1):
        ratios = [f"{match.judgements[of].llr:.2f}" for of in aspects]
        yield "\t".join([str(rank), "accept" if match.accepted else "reject", *ratios, match.speaker, match.phrase])


def _print(content: object) -> None:
    click.echo(json.dumps(content, ensure_ascii=False, indent=1))
