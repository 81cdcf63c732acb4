"""Texts that programs stumble over, and how often they are met among others."""

import random

THINGS = ("apple", "house", "river", "train", "cloud", "stone", "candle", "garden")
ODD = (
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",  # a family of four joined to one
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # a flag of tags
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",  # right to left
    "\u202eabc\u202c\u2066def\u2069",  # directions forced
    "e\u0301 n\u0303 a\u0300\u0301\u0302\u0303",  # combining marks
    "\u0301",  # one with nothing to stand on
    "\u1112\u1161\u11ab \ud55c",  # a syllable in parts, and whole
    "\u0e01\u0e33\u0e19\u0e49\u0e33",
    "a\u2028b\u2029c\u0085d\x0be\x0cf",  # ends of lines that are none
    "\ufeffmark \u200b\u00ad\u2060 nothing",
    "\ufffd \ufffe \U0010ffff",
    "\x1ea\x1fb\x07\x1b[31m",
    "[PAD] [UNK] [MASK] [SEP] <s>",
    "\ufb01 \xb2 \u2167 \u210c \uff46\uff55\uff4c\uff4c",  # what normalisation would change
    '"quoted", ""twice"", \'once\'',
    "comma, tab\tsemicolon; pipe|",
    "two\nlines\r\nand three",
    "  spaces around  ",
    "NULL",
    "nan",
    "None",
    "0",
    "-1e5",
    "=1+1",
    "%s %d {} {0} ${x} \\n",
    "<b>[/b]</b> [red]",
    "$\\frac{$",
    "# comment",
    "-DOCSTART-",
)


def text(chance: random.Random, odd: float = 0.2) -> str:
    """A few words, one of them odd with that probability."""
    words = [chance.choice(THINGS) for _ in range(chance.randint(1, 6))]
    if chance.random() < odd:
        words[chance.randrange(len(words))] = chance.choice(ODD)
    return " ".join([*words, str(chance.randrange(10_000))])
