"""Enroll, verify and identify voices in a program: a network, its fitted scorer, and a store of voices.

A voice is a speaker saying a phrase. That it is the speaker is scored by embeddings, that it is the phrase by warping
the states of the frames in time onto those of the enrolled takes, so that any phrase of any language will do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from svtok.audio.quality import Quality, measure, read_short, samples_of
from svtok.embeddings.takes import Source, Take, unit_rows
from svtok.embeddings.voices import Voices, checked_name
from svtok.errors import AudioError, Problem, SvtokError, raise_problems
from svtok.metrics import Cost
from svtok.pretrained import pretrained_network
from svtok.scoring.decision import PHRASE_SCORES, Aspect, Threshold
from svtok.scoring.fitted import FittedScorer
from svtok.scoring.store import load_scorer
from svtok.scoring.warping import costs_of_takes
from svtok.trained.embed import Embedder, Recorded, load_network

log = logging.getLogger(__name__)

STORE = Path("voices.db")
SCORER = "scorer"
"""The folder, within a network's, of the scorer that was fitted on it."""
FALSE_ACCEPT_RATE = 0.01
INCONSISTENT = -np.log(10)
"""A take is refused whose ratio with the other takes of its voice, of speaker and phrase together, is lower: another
voice, or another phrase, is ten times as likely."""
SAME = 1e-6
"""A cosine nearer to 1 than this is of the same recording."""


class Judgement(NamedTuple):
    """One aspect of a decision: the natural-log likelihood ratio, and the threshold that it is compared with."""

    llr: float
    threshold: Threshold

    @property
    def accepted(self) -> bool:
        """Whether the ratio reaches the threshold."""
        return self.llr >= self.threshold.value


@dataclass(frozen=True)
class Match:
    """A recording beside a voice. `judgements` are of the aspects that the scorer decides."""

    speaker: str
    phrase: str
    judgements: dict[Aspect, Judgement]

    @property
    def accepted(self) -> bool:
        """Whether speaker and phrase together are: a wrong speaker is let in as seldom as a wrong phrase."""
        return self.judgements["together"].accepted

    @property
    def doubtful(self) -> list[Aspect]:
        """Speaker, phrase, or both: what alone does not reach its threshold. It says why something was rejected."""
        return [of for of, judgement in self.judgements.items() if of != "together" and not judgement.accepted]

    @property
    def llr(self) -> float:
        """The natural-log likelihood ratio of speaker and phrase together."""
        return self.judgements["together"].llr


class Enrolled(NamedTuple):
    """What was added to a voice: its names, how many takes it has now, and what was measured of the recordings."""

    speaker: str
    phrase: str
    takes: int
    qualities: list[Quality]


class Verifier:
    """A network, its scorer and a store of voices. It may be used by several threads at once.

    Example:
        >>> from svtok.verifier import Verifier
        >>> verifier = Verifier.load("exp/cls")  # doctest: +SKIP
        >>> verifier.enroll("anna", "open the door", ["a.wav", "b.wav", "c.wav"])  # doctest: +SKIP
        >>> verifier.verify("anna", "d.wav").accepted  # doctest: +SKIP
        True
    """

    def __init__(
        self,
        trained: Embedder,
        folder: Path,
        scorer: FittedScorer | None = None,
        store: str | Path = STORE,
        *,
        channel: str | None = None,
        key_file: str | Path | None = None,
    ) -> None:
        """Args:
        trained: the network, in evaluation mode, on the CPU; or an exported one.
        folder: where it lies, for messages.
        scorer: fitted on embeddings of this network; `embed` needs none.
        store: the file of voices; it need not be there yet.
        channel: one of `svtok.audio.CHANNELS`, for recordings of several channels.
        key_file: holds the passphrase of an encrypted store; a new store becomes one.

        Raises:
            SvtokError: the scorer was fitted on another network, or scores what recordings alone do not give.
        """
        self.trained = trained
        self.folder = folder
        self.voices = Voices(Path(store), None if key_file is None else Path(key_file))
        self.channel = channel
        self._scorer = scorer
        layer, cohort = max(trained.layers), None
        if scorer is not None:
            _check_scorer(scorer, trained, folder)
            if scorer.warping is not None:
                layer, cohort = scorer.warping.layer, scorer.warping.cohort
        self._source = Source(trained.hash, str(folder.absolute()), layer, cohort.hash if cohort else "")

    @classmethod
    def load(
        cls,
        folder: str | Path | None = None,
        *,
        store: str | Path = STORE,
        scorer: str | Path | None = None,
        channel: str | None = None,
        key_file: str | Path | None = None,
    ) -> Verifier:
        """The verifier of a network's folder.

        Args:
            folder: a trained network, or one that `svtok export` wrote; default: the one that comes with svtok.
            store: the file of voices.
            scorer: the folder that `svtok fit-scorer` wrote; default: `scorer` in the network's.
            channel: as for a verifier.
            key_file: as for a verifier.

        Raises:
            SvtokError: there is no such network or scorer, or they do not belong together.
        """
        place = pretrained_network() if folder is None else Path(folder)
        trained = load_network(place)
        fitted = None
        if scorer is not None or (place / SCORER).exists():
            fitted = load_scorer(Path(scorer or place / SCORER))
        return cls(trained, place, fitted, store, channel=channel, key_file=key_file)

    @property
    def scorer(self) -> FittedScorer:
        """What scores and decides. Raises SvtokError where the network has none."""
        if self._scorer is None:
            raise SvtokError(
                f"{self.folder}: has no scorer, so nothing can be decided by it; fit one on a set of speakers that it "
                f"was not trained on: svtok fit-scorer --embeddings {self.folder}/embeddings/dev --frames "
                f"{self.folder}/states/dev --data DATA/dev --out {self.folder / SCORER}"
            )
        return self._scorer

    def embed(self, recording: Recorded) -> NDArray[np.float32]:
        """The embedding (D,) of a recording, be it good or poor.

        Args:
            recording: an audio file of at most a minute, or samples (N,) and their rate in Hz.

        Raises:
            ProblemsError: it cannot be read, has several channels, is too short or too long, or has another rate than
                the network's features, where these do not resample.
        """
        return self.trained.embed(recording, channel=self.channel)

    def enroll(self, speaker: str, phrase: str, recordings: Sequence[Recorded]) -> Enrolled:
        """Add takes to a voice, all or none.

        Args:
            speaker: a name; spellings that Unicode holds for equal are one name.
            phrase: what is said, or a name for it; likewise.
            recordings: at least one; three and more enroll well. Each is an audio file, or samples and their rate.

        Raises:
            ProblemsError: with every recording that cannot be used, with the reason and what was measured: it cannot be
                read, is silent, clipped, too short or mostly noise, is one of the others again, or is not like them.
            SvtokError: there is no scorer; or as of `svtok.embeddings.voices.Voices.add`.
        """
        speaker, phrase = checked_name("speaker", speaker), checked_name("phrase", phrase)
        if not recordings:
            raise SvtokError("there is no recording to enroll")
        self._refuse_unknown(phrase)
        self.voices.check(self._source)
        qualities, takes, problems = [], [], []
        for number, recording in enumerate(recordings, start=1):
            where = _name(recording) or f"recording {number}"
            try:
                quality, take = self._good(recording)
            except AudioError as error:
                problems.append(Problem(error.what, error.path))
            except SvtokError as error:
                problems.append(Problem(str(error), where))
            else:
                qualities.append(quality)
                takes.append((where, take))
        there = self.voices.of(self._source, speaker, phrase)
        raise_problems([*problems, *self._unlike(speaker, phrase, there, takes)])
        count = self.voices.add(self._source, speaker, phrase, [take for _, take in takes])
        log.info("enrolled %d takes of '%s' saying '%s' in %s", len(takes), speaker, phrase, self.voices.path)
        return Enrolled(speaker, phrase, count, qualities)

    def verify(
        self,
        speaker: str,
        recording: Recorded,
        phrase: str | None = None,
        *,
        false_accept_rate: float | None = None,
        cost: Cost | None = None,
    ) -> Match:
        """Whether a recording is of a speaker, saying an enrolled phrase.

        Args:
            speaker: an enrolled one.
            recording: an audio file, or samples (N,) and their rate in Hz.
            phrase: which of the speaker's; default: the one that the recording is most like.
            false_accept_rate: as a fraction, of each type of non-targets; where no cost is given either, 0.01.
            cost: in place of it, of a miss and of a false acceptance, and the probability of a target.

        Raises:
            AudioError: the file cannot be read, or is too poor to decide anything, with the reason and what was
                measured.
            SvtokError: the same of samples; the speaker or the phrase is not enrolled; the store or the scorer is of
                another network; there is no scorer, or it cannot show so low a rate.
        """
        thresholds = self._thresholds(false_accept_rate, cost)
        voices = self.voices.takes(self._source, speaker, phrase)
        matches = self._matches(voices, self._good(recording)[1], thresholds)
        return max(matches, key=lambda match: match.judgements.get("phrase", match.judgements["together"]).llr)

    def identify(
        self,
        recording: Recorded,
        phrase: str | None = None,
        *,
        false_accept_rate: float | None = None,
        cost: Cost | None = None,
    ) -> list[Match]:
        """All voices, the likeliest first.

        The false-accept rate is that of one voice: of many, one or the other accepts a stranger more often.

        Args:
            recording: an audio file, or samples (N,) and their rate in Hz.
            phrase: compare with the voices of this phrase alone.
            false_accept_rate: as of `verify`.
            cost: as of `verify`.

        Raises:
            SvtokError: as of `verify`.
        """
        thresholds = self._thresholds(false_accept_rate, cost)
        voices = self.voices.takes(self._source, phrase=phrase)
        matches = self._matches(voices, self._good(recording)[1], thresholds)
        return sorted(matches, key=lambda match: match.llr, reverse=True)

    def _thresholds(self, false_accept_rate: float | None, cost: Cost | None) -> dict[Aspect, Threshold]:
        rate = FALSE_ACCEPT_RATE if false_accept_rate is None and cost is None else false_accept_rate
        return {of: self.scorer.threshold(of, false_accept_rate=rate, cost=cost) for of in self.scorer.decisions}

    def _matches(
        self, voices: dict[tuple[str, str], list[Take]], test: Take, thresholds: dict[Aspect, Threshold]
    ) -> list[Match]:
        ratios = self._ratios(list(voices.values()), test, [phrase for _, phrase in voices])
        return [
            Match(*names, {of: Judgement(float(ratios[of][place]), threshold) for of, threshold in thresholds.items()})
            for place, names in enumerate(voices)
        ]

    def _ratios(
        self, voices: Sequence[Sequence[Take]], test: Take, phrases: Sequence[str]
    ) -> dict[Aspect, NDArray[np.float64]]:
        """The log likelihood ratios (M,) of M voices with a test, of each aspect that the scorer decides."""
        scorer = self.scorer
        models = [np.stack([take.embedding for take in takes]) for takes in voices]
        scores = scorer.raw(models, test.embedding, phrases if scorer.phrases is not None else None)[:, 0]
        of_phrase = None
        if scorer.warping is not None:
            of_phrase = scorer.warping.scores(voices, test)
        return {of: scorer.llr(scores, of_phrase, of=of) for of in scorer.decisions}

    def _unlike(
        self, speaker: str, phrase: str, there: Sequence[Take], takes: Sequence[tuple[str, Take]]
    ) -> list[Problem]:
        """The takes that are another one again, or are not like the others of their voice, in the store too."""
        problems = []
        for place, (where, take) in enumerate(takes):
            others = [*there, *(other for number, (_, other) in enumerate(takes) if number != place)]
            if not others:
                continue
            cosines = [_cosine(take.embedding, other.embedding) for other in others]
            if max(cosines[: len(there) + place], default=0) > 1 - SAME:
                problems.append(Problem("is the same recording as another take: record the phrase again", where))
                continue
            ratios = self._ratios([others], take, [phrase])
            if ratios["together"][0] < INCONSISTENT:
                measured = ", ".join(
                    f"{'together' if of == 'together' else f'of the {of}'} {ratio[0]:.1f}"
                    for of, ratio in ratios.items()
                )
                cost = float(costs_of_takes([other.states for other in others], take.states).mean())
                problems.append(
                    Problem(
                        f"is not like the other takes of '{speaker}' saying '{phrase}': the log likelihood ratio is "
                        f"{measured}, {INCONSISTENT:.1f} the least (mean cosine {np.mean(cosines):.2f}, mean warping "
                        f"cost {cost:.2f}); see whether it is the right recording",
                        where,
                    )
                )
        return problems

    def _refuse_unknown(self, phrase: str) -> None:
        known = self.scorer.phrases
        if known is not None and phrase not in known:
            raise SvtokError(
                f"the scorer of {self.folder} is by phrase, and knows {', '.join(known)}, but not '{phrase}'; "
                "fit one for all phrases with `svtok fit-scorer`"
            )

    def _good(self, recording: Recorded) -> tuple[Quality, Take]:
        """A recording without a fault; AudioError or SvtokError with all of its faults."""
        wave = self._read(recording)
        quality = measure(wave, self.trained.features.sample_rate)
        if faults := list(quality.faults()):
            what = "; it ".join(faults)
            name = _name(recording)
            raise SvtokError(f"the recording {what}") if name is None else AudioError(Path(name), what)
        return quality, self._heard(wave, _name(recording) or "the recording")

    def _read(self, recording: Recorded) -> NDArray[np.float32]:
        """Samples (N,) at the rate of the network's features."""
        features = self.trained.features
        if isinstance(recording, str | Path):
            path = Path(recording)
            return read_short(path, features.sample_rate, resample=features.resample, channel=self.channel)
        if not isinstance(recording, tuple) or len(recording) != 2:
            raise SvtokError("a recording is the path of an audio file, or a pair (samples, rate)")
        samples, rate = recording
        return samples_of(samples, rate, features.sample_rate, resample=features.resample)

    def _heard(self, wave: NDArray[np.float32], name: str = "the recording") -> Take:
        """What the network makes of samples (N,)."""
        embedding, states = self.trained.hear(wave, self._source.layer, name)
        rows, warping = unit_rows(states), self._scorer and self._scorer.warping
        return Take(embedding, rows, *([warping.costs(rows)] if warping else []))


def _check_scorer(scorer: FittedScorer, trained: Embedder, folder: Path) -> None:
    scorer.refuse_other(trained.hash, str(folder))
    fault = None
    if scorer.warping is None and any(PHRASE_SCORES in one.fusion.scores for one in scorer.decisions.values()):
        fault = "decides phrases by scores of a file (--phrase-scores), which a recording does not come with"
    elif scorer.warping is not None and scorer.warping.layer not in trained.layers:
        known = ", ".join(map(str, trained.layers))
        fault = f"warps states after layer {scorer.warping.layer}, and the network gives those after {known}"
    elif scorer.scorer.enrollment == "joined-audio":
        fault = "enrolls by joined recordings, and the store of voices holds no recordings"
    if fault:
        raise SvtokError(
            f"the scorer of {folder} {fault}; fit another with `svtok fit-scorer --frames`, and without --enroll"
        )


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one @ other / max(1e-12, float(np.linalg.norm(one) * np.linalg.norm(other))))


def _name(recording: Recorded) -> str | None:
    return str(recording) if isinstance(recording, str | Path) else None
