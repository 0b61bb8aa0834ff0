"""Which language a text is read as: by its script, then by what is said of it, then by its small words."""

__all__ = ["has_word_ends", "language_of"]

import re
from collections import Counter

_KANA, _HANGUL, _HAN, _CYRILLIC = (
    re.compile(each) for each in ("[\u3041-\u30ff]", "[\uac00-\ud7a3]", "[\u3400-\u9fff]", "[\u0400-\u04ff]")
)
# Small words that tell languages of Latin letters apart where an item does not name its language.
_SMALL_WORDS = {
    word: language
    for language, words in {
        "en": "the of to in for on and as with by from at is after its over says will",
        "fr": "le la les des du une dans pour sur et au aux est par qui avec ses sont",
        "es": "el los las del una en por para con y se su sus al tras más que",
        "pt": "o os da do das dos uma em no na por para com e ao após mais que",
        "id": "di dan yang untuk dari dengan ini akan pada ke tak belum tidak juga kata bisa",
        "de": "der die das und im für auf von mit den dem ein eine nach bei zu ist",
    }.items()
    for word in words.split()
}


def has_word_ends(letter: str) -> bool:
    """Tell whether a letter is Latin or Cyrillic, or a digit; the scripts of East Asia lie above."""
    return letter.isalnum() and letter < "\u0530"


def language_of(text: str, tag: str) -> str:
    """Tell which language's patterns a folded text is read with: by its script first, then by its tag."""
    told = tag[:2].lower()
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    if _HAN.search(text) and len(_HAN.findall(text)) * 4 > sum(map(has_word_ends, text)):
        return "ja" if told == "ja" else "zh"
    if len(_CYRILLIC.findall(text)) > len(text) // 3:
        return "ru"
    if told in ("de", "en", "es", "fr", "id", "pt"):
        return told
    votes = Counter(_SMALL_WORDS[word] for word in text.split() if word in _SMALL_WORDS)
    return votes.most_common(1)[0][0] if votes else "en"
