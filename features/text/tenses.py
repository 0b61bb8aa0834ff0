"""When an event is: happened, announced, threatened or denied.

The rule: words of denial, of possibility and of the future, in this order, where the title has them; a past that is
said outright outweighs a future that is only hinted at. The classifier sees the same cues, what the rule says, and the
words of the title themselves (pairs of characters where words have no ends): tense is a matter of small words.
"""

__all__ = ["tense_by_rules", "tense_features"]

import re

from features.text.patterns import WITHOUT_ENDS
from features.text.reading import Reading

_WORDS = re.compile(r"[\w']+|\?")
_WORD_WEIGHT, _PAIR_WEIGHT = 0.7, 0.5

_CUES = ("announce", "deny", "happened", "threat", "impose", "lift", "undo", "resume", "halt", "oblige", "opinion")
_KINDS_OF_TYPE = {"easing": "relief", "expansion": "growth", "none": "none"}
_POLICY = frozenset(
    ("export_ban", "export_quota", "export_tax", "licensing", "processing_requirement", "sanctions", "permit")
)


def tense_by_rules(reading: Reading) -> str:
    """Give the tense that the cues of the title speak for, else those of the summary."""
    for cues in (reading.title, reading.everything):
        if "deny" in cues:
            return "denied"
        if "threat" in cues:
            return "threatened"
        if "announce" in cues and "happened" not in cues:
            return "announced"
    return "happened"


def tense_features(reading: Reading, event_type: str) -> dict[str, float]:
    """Give what the classifier of tenses sees, by name."""
    kind = _KINDS_OF_TYPE.get(event_type, "policy" if event_type in _POLICY else "incident")
    features = {f"title:{cue}": 1.0 for cue in _CUES if cue in reading.title}
    features |= {f"any:{cue}": 1.0 for cue in _CUES if cue in reading.everything}
    features |= {f"{kind}:{cue}": 1.0 for cue in ("announce", "deny", "threat") if cue in reading.title}
    features |= {f"kind:{kind}": 1.0, f"rule:{tense_by_rules(reading)}": 1.0}
    if reading.language in WITHOUT_ENDS:
        pairs = zip(reading.text, reading.text[1:], strict=False)
        return features | {f"pair:{one}{other}": _PAIR_WEIGHT for one, other in pairs}
    return features | {f"word:{word}": _WORD_WEIGHT for word in _WORDS.findall(reading.text)}
