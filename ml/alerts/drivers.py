"""The model's reasons in the reader's language.

Reasons are written in English when a run is made (`models.phrases`). Those of the trade record and of buyers'
customs figures are worded in Chinese here by their form; one whose form is not known stays as it was written, and
says so. No figure is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["driver_in"]

PERCENT = r"((?:over |under |less than |at least |at least under )?[\d.,]+ %)"
YEAR = r"(\d{4})"
NUMBER = r"([\d.,]+(?: million| billion)?|no|under 1)"
MOVED = r"((?:rose|fell) [\d.,]+ %|rose [\d.,]+-fold|rose from almost nothing|all but stopped|did not change)"
AGAINST = r"([\d.,]+ % (?:over|under)|[\d.,]+ times|level with|more than [\d.]+ times|less than [\d.]+ % of)"
SWING = r"(by [\d.,]+ %|[\d.,]+-fold)"
HOLDERS = r"([\d.,]+ equal|a single)"
TOKENS = {"%P": PERCENT, "%Y": YEAR, "%N": NUMBER, "%M": MOVED, "%A": AGAINST, "%S": SWING, "%H": HOLDERS}
EFFECT = {"raises the risk": "(提高風險)", "lowers the risk": "(降低風險)"}

FORMS = (
    ("swings of single buyers make exports uncertain by %P a year", "個別買家採購起伏使每年出口不確定達 {0}"),
    ("exports swing %S from year to year (over %N years)", "出口逐年起伏{0}(以 {1} 年計)"),
    ("exports change %S in a usual year (of %N)", "一般年份出口變動{0}(以 {1} 年計)"),
    ("price per tonne in %Y was %A the world's", "{0} 年每公噸價格與世界均價相比:{1}"),
    ("price per tonne %M between %Y and %Y", "{1} 至 {2} 年每公噸價格{0}"),
    ("world price per tonne %M between %Y and %Y", "{1} 至 {2} 年世界每公噸價格{0}"),
    ("exports %M between %Y and %Y", "{1} 至 {2} 年出口{0}"),
    ("exports %M in the worst of the last %N years", "近 {1} 年最差的一年出口{0}"),
    ("world exports of the mineral %M between %Y and %Y", "{1} 至 {2} 年此礦物世界出口{0}"),
    ("value of all its exports %M between %Y and %Y", "{1} 至 {2} 年該國全部出口值{0}"),
    ("exports in %Y were %A the mean of the three years before", "{0} 年出口與前三年平均相比:{1}"),
    ("exports in %Y were %A the best of the last %N years", "{0} 年出口與近 {2} 年最高相比:{1}"),
    ("exports in %Y were %A their ten-year mean", "{0} 年出口與十年平均相比:{1}"),
    ("sales as concentrated as with %H buyers?", "銷售集中程度相當於{0}買家"),
    ("world exports as concentrated as with %H suppliers?", "世界出口集中程度相當於{0}供應國"),
    ("over three years sales as spread as over %N equal buyers", "三年間銷售分散程度相當於 {0} 個均等買家"),
    ("exports worth USD %N in %Y", "{1} 年出口值 {0} 美元"),
    ("exported %N t in %Y", "{1} 年出口 {0} 公噸"),
    ("exported nothing in %Y", "{0} 年無出口"),
    ("holds %P of world exports", "占世界出口 {0}"),
    ("%P of the mineral's other suppliers in a drop in %Y", "{1} 年此礦物其他供應國有 {0} 出口下降"),
    ("its other suppliers were in a drop %P of the time", "其他供應國有 {0} 的年份出口下降"),
    ("%P of the supplier's other minerals in a drop in %Y", "{1} 年該國其他礦物有 {0} 出口下降"),
    ("its other minerals were in a drop %P of the time", "該國其他礦物有 {0} 的年份出口下降"),
    ("buyers took %P of what they take in a year in each of three years", "三年中每年均採購的部分占 {0}"),
    ("the steady part of sales, taken in each of three years, is %P", "三年中每年均採購的部分占 {0}"),
    ("no buyer took anything in each of the last three years", "近三年沒有買家每年都採購"),
    ("%P of three years' sales went to buyers of every one of five years", "三年銷售有 {0} 售予五年皆採購的買家"),
    ("no exports to measure swings from", "無出口可供衡量起伏"),
    ("no exports to measure growth from", "無出口可供衡量成長"),
    ("sells to %N countries(?: only)?; the largest takes %P", "售予 {0} 國,最大買家占 {1}"),
    ("sells to one country only", "僅售予一國"),
    ("no buyer in %Y", "{0} 年無買家"),
    ("the largest buyer takes %P", "最大買家占 {0}"),
    ("buyers with %P of sales were lost between %Y and %Y", "{1} 至 {2} 年流失占銷售 {0} 的買家"),
    ("buyers' imports, weighed by share of its exports, are %A normal", "買家進口(依占其出口比重加權)與平常相比:{0}"),
    ("reporting buyers' imports \\(tonnes\\) %M against the same months of last year", "申報買家進口量較去年同期{0}"),
    ("reporting buyers' imports \\(value\\) %M against the same months of last year", "申報買家進口值較去年同期{0}"),
    ("buyers' imports of it from everyone %M against the same months of last year", "買家自各國之進口較去年同期{0}"),
    (
        "its share of reporting buyers' imports is ([\\d.]+) points over that of last year",
        "占申報買家進口比重較去年高 {0} 個百分點",
    ),
    (
        "its share of reporting buyers' imports is ([\\d.]+) points under that of last year",
        "占申報買家進口比重較去年低 {0} 個百分點",
    ),
    ("the reporting buyers took %P of its exports in %Y", "申報買家占其 {1} 年出口 {0}"),
    ("no drop on record", "紀錄中無出口下降"),
    ("nothing sold to buyers of every one of five years", "沒有售予五年皆採購的買家"),
    ("exports in %Y all but stopped: %A the mean of the three years before", "{0} 年出口幾乎停止,與前三年平均相比:{1}"),
    ("imports %A what it exports", "進口與出口相比:{0}"),
    ("exports in %N years on record", "紀錄中有 {0} 年出口"),
    ("nothing sold in %Y or %Y,? so no change of price", "{0} 或 {1} 年無銷售,無價格變動可言"),
    ("nothing sold in %Y,? so no price per tonne", "{0} 年無銷售,無每公噸價格"),
    (
        "share of world exports in %Y was ([\\d.]+) points under its three-year share",
        "{0} 年世界出口占比較三年平均低 {1} 個百分點",
    ),
    (
        "share of world exports in %Y was ([\\d.]+) points over its three-year share",
        "{0} 年世界出口占比較三年平均高 {1} 個百分點",
    ),
    ("in a drop in %P of the years on record", "紀錄中 {0} 的年份出口下降"),
    ("in a severe drop in %P of the years on record", "紀錄中 {0} 的年份出口嚴重下降"),
    ("last drop in %Y", "最近一次下降在 {0} 年"),
    ("imports %P of what it exports", "進口為出口的 {0}"),
    ("imports less than %P of what it exports", "進口不到出口的 {0}"),
    ("buyers' imports of it from everyone are %A the same months of three years", "買家自各國之進口與三年同期相比:{0}"),
    (
        "reporting buyers' imports this year \\(value\\) are %A the same months of three years",
        "申報買家今年進口值與三年同期相比:{0}",
    ),
    (
        "reporting buyers' imports this year \\(tonnes\\) are %A the same months of three years",
        "申報買家今年進口量與三年同期相比:{0}",
    ),
    (
        "at this year's pace buyers' imports \\(value\\) end %A three full years",
        "依今年進度,買家全年進口值與三年全年相比:{0}",
    ),
    ("at this year's pace buyers' tonnes end %A three full years", "依今年進度,買家全年進口量與三年全年相比:{0}"),
)


def _pattern(form: str) -> re.Pattern[str]:
    # Brackets and dots of the sentence itself; what is written as a pattern already carries a backslash or `?:`.
    if "\\" not in form and "(?:" not in form:
        form = form.replace("(", r"\(").replace(")", r"\)")
    for token, pattern in TOKENS.items():
        form = form.replace(token, pattern)
    return re.compile(form)


def _myriads(amount: float) -> str:
    # Ten thousands, and from a hundred million on in these.
    return f"{amount:,.10g} 萬" if amount < 10_000 else f"{amount / 10_000:,.10g} 億"


PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple((_pattern(form), words) for form, words in FORMS)
VALUES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^rose from almost nothing$", "由幾乎為零上升"),
    (r"^all but stopped$", "幾乎停止"),
    (r"^did not change$", "持平"),
    (r"^level with$", "相當"),
    (r"^a single$", "單一"),
    (r"^no$", "0"),
    (r"^under 1$", "不到 1"),
    (r"^rose ([\d.,]+)-fold$", r"增為 \1 倍"),
    (r"^rose ([\d.,]+) %$", r"增加 \1%"),
    (r"^fell ([\d.,]+) %$", r"減少 \1%"),
    (r"^([\d.,]+) % over$", r"高 \1%"),
    (r"^([\d.,]+) % under$", r"低 \1%"),
    (r"^more than ([\d.]+) times$", r"逾 \1 倍"),
    (r"^([\d.,]+) times$", r"\1 倍"),
    (r"^less than ([\d.]+) %(?: of)?$", r"不到 \1%"),
    (r"^by ([\d.,]+) %$", r" \1%"),
    (r"^([\d.,]+)-fold$", r"達 \1 倍"),
    (r"^([\d.,]+) equal$", r" \1 個均等"),
    (r"^over ([\d.,]+) %$", r"超過 \1%"),
    (r"^(?:at least )?under ([\d.,]+) %$", r"不到 \1%"),
    (r"^at least ([\d.,]+) %$", r"至少 \1%"),
    (r"^([\d.,]+) %$", r"\1%"),
    (r"^([\d.,]+) million$", lambda found: _myriads(float(found[1].replace(",", "")) * 100)),
    (r"^([\d.,]+) billion$", lambda found: _myriads(float(found[1].replace(",", "")) * 100_000)),
)


def driver_in(language: str, sentence: str) -> str:
    """Give a reason in a language.

    Example:
        >>> driver_in("zh-Hant", "exports fell 12 % between 2023 and 2024 (raises the risk)")
        '2023 至 2024 年出口減少 12%(提高風險)'
    """
    if language == "en":
        return sentence
    found = re.fullmatch(r"(.*) \((raises the risk|lowers the risk)\)", sentence)
    body, effect = (found[1], EFFECT[found[2]]) if found else (sentence, "")
    for pattern, words in PATTERNS:
        match = pattern.fullmatch(body)
        if match:
            return words.format(*(_value(each) for each in match.groups())) + effect
    return f"(模型原文){body}{effect}"


def _value(told: str) -> str:
    for pattern, words in VALUES:
        if re.match(pattern, told):
            return re.sub(pattern, words, told)
    return told
