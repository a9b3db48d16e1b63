"""Bounded summaries of text: what is kept in place of prompts."""

from ratelimit.sketches.cells import CELLS, COVERAGE_WINDOW, Cells, cell_of
from ratelimit.sketches.fingerprint import FINGERPRINT_WORDS, Fingerprint, Lens, Nearest
from ratelimit.sketches.firsts import Firsts
from ratelimit.sketches.lexicon import Lexicon
from ratelimit.sketches.ownwords import OwnWords
from ratelimit.sketches.pace import Hour, Pace, hour_of
from ratelimit.sketches.past import COHORT_PAST, NOWHERE, OWN_PAST, CohortPast, OwnPast
from ratelimit.sketches.words import WordIds

__all__ = [
    "CELLS",
    "COHORT_PAST",
    "COVERAGE_WINDOW",
    "FINGERPRINT_WORDS",
    "NOWHERE",
    "OWN_PAST",
    "Cells",
    "CohortPast",
    "Fingerprint",
    "Firsts",
    "Hour",
    "Lens",
    "Lexicon",
    "Nearest",
    "OwnPast",
    "OwnWords",
    "Pace",
    "WordIds",
    "cell_of",
    "hour_of",
]
