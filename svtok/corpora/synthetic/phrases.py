"""Thirty short home-control commands of our own wording, some sharing words, for the sentences 031 to 060."""

from __future__ import annotations

from svtok.corpora.rsr2015_layout import PARTS

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
PHRASES = dict(zip(PARTS[2], _COMMANDS, strict=True))  # the text of each sentence
