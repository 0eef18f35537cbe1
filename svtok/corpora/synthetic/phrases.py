"""What is said in a synthetic RSR2015: for Part I sentences, for Part II short home-control commands, some of which
share words, all of our own wording; for Part III strings of digits, others in each session."""

from __future__ import annotations

from svtok.corpora.rsr2015.layout import PARTS, UtteranceName
from svtok.corpora.synthetic.rsr2015_lists import LONG_STRINGS

_SENTENCES = (
    "the old bridge was closed after the heavy rain",
    "my sister keeps seven goats behind her barn",
    "nobody told the captain about the missing maps",
    "a yellow kite got caught in the chestnut tree",
    "please leave the blue folder on his wooden desk",
    "they boiled the potatoes and forgot the salt",
    "her uncle repairs clocks in a narrow street",
    "the young painter mixed his colours too early",
    "we could hear the geese long before dawn",
    "put a thick rug under the heavy piano",
    "every student should bring two sharp pencils",
    "the ferry leaves the harbour at half past four",
    "his voice grew quiet when the judge came in",
    "fresh bread and cold butter make a fine lunch",
    "the gardener chose roses for the sunny wall",
    "a broken lantern hung above the cellar door",
    "children rushed across the frozen fish pond",
    "the jury could not agree on such a vague charge",
    "which of these shirts would you rather wear",
    "old shepherds watch the clouds for signs of snow",
    "the doctor asked about the pain in his elbow",
    "do not measure the cloth before you wash it",
    "a dozen oranges rolled out of the paper bag",
    "the museum shows coins from many old kingdoms",
    "she thought about the question for a whole week",
    "our neighbours joined the choir last october",
    "the pilot checked each gauge with great care",
    "why would a fox sleep beside a noisy highway",
    "the judge's cousin owns a shoe shop in town",
    "thin smoke was rising from the village oven",
)
_COMMANDS = (
    "turn on the kitchen light",
    "open the front door",
    "play my morning music",
    "start the washing machine",
    "turn off the kitchen light",
    "raise the bedroom blinds",
    "what time is it now",
    "close the front door",
    "volume up a little",
    "set the heating to twenty",
    "lower the bedroom blinds",
    "turn on the garden lamp",
    "call the front desk",
    "stop the washing machine",
    "switch to the news channel",
    "lock the garage door",
    "water the garden plants",
    "volume down a little",
    "dim the hallway lights",
    "boil some water",
    "start the coffee maker",
    "turn off the fan",
    "show the back yard camera",
    "open the garage door",
    "good night everyone",
    "warm up the bathroom",
    "pause the evening music",
    "next channel please",
    "read my new messages",
    "arm the house alarm",
)
SENTENCES = dict(zip(PARTS[1], _SENTENCES, strict=True))
COMMANDS = dict(zip(PARTS[2], _COMMANDS, strict=True))
PHRASES = {**SENTENCES, **COMMANDS}  # the text of each
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def text_of(seed: int, name: UtteranceName) -> str:
    """What is said in an utterance: the phrase of its sentence, or its digits, which depend on speaker and session."""
    if name.sentence in PHRASES:
        return PHRASES[name.sentence]
    length = 10 if name.sentence in PARTS[3][:LONG_STRINGS] else 5
    from svtok.corpora.synthetic.speech import generator  # scipy, of which svtok prepare needs nothing

    digits = generator(seed, "digits", name.utt).integers(0, 10, length)
    return " ".join(_DIGITS[digit] for digit in digits)
