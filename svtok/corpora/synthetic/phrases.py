"""Thirty short home-control commands of our own wording, some sharing words, for the sentences 031 to 060."""

from __future__ import annotations

from svtok.corpora.rsr2015_layout import PARTS

_COMMANDS = (
    "turn on the kitchen light",
    "turn off the kitchen light",
    "open the front door",
    "close the front door",
    "volume up a little",
    "raise the bedroom blinds",
    "lower the bedroom blinds",
    "start the washing machine",
    "play my morning music",
    "set the heating to twenty",
    "turn on the garden lamp",
    "lock the garage",
    "call the front desk",
    "water the garden plants",
    "switch to the news channel",
    "stop the washing machine",
    "what time is it now",
    "open the garage",
    "dim the hallway lights",
    "volume down a little",
    "boil some water",
    "start the coffee maker",
    "turn off the fan",
    "show the back yard camera",
    "good night everyone",
    "warm up the bathroom",
    "pause the evening music",
    "next channel please",
    "read my new messages",
    "arm the house alarm",
)

PHRASES = dict(zip(PARTS[2], _COMMANDS, strict=True))  # the text of each sentence
