"""Words around the name of a country that tell its part in an item, as patterns per language.

Patterns for what stands before a name end where the name begins (`$`), those for what stands after begin where it ends
(`^`); both are read in folded text of at most a few dozen characters, with blanks for hyphens. What they are worth is
for `features.text.roles`.
"""

__all__ = ["after", "after_exports", "before", "east_asian", "is_owner_of"]

import re
from collections.abc import Mapping

from features.text.normal import folded

_THE = r"(?:the |southern |northern |eastern |western |central |north |south |east |west |conflict.|war.\w+ )?"
_POSSESSIVE = r"^(?:'s?|s')?"


def _folded(pattern: str) -> str:
    # Texts are folded letter by letter, Japanese ones as well; letters of ASCII in a pattern are signs and stay.
    return "".join(letter if letter.isascii() else folded(letter) or letter for letter in pattern)


def _any(words: str) -> str:
    """Give the alternatives of a list of patterns; `_` in one stands for a blank."""
    return "(?:" + "|".join(word.replace("_", " ") for word in words.split()) + ")"


_BEFORE: Mapping[str, Mapping[str, str]] = {
    # Something is done to it: "sanctions on Russia".
    "target": {
        "en": r"\b"
        + _any(
            r"sanction\w* embargo(?:es)? import_bans? bans? boycott\w* blacklist\w* crackdown tariffs? duties curbs "
            r"restrictions?"
        )
        + r"(?: \w+){0,3} (?:on|against|from|of) "
        + _THE
        + "$",
        "es": r"\b(?:sancion\w*|embargo|arancel\w*)(?: \w+){0,3} (?:a|contra|sobre|de) (?:el |la )?$",
        "fr": r"\b(?:sanction\w*|embargo)(?: \w+){0,3} (?:contre|visant|sur|de) (?:le |la |l')?$",
        "pt": r"\b(?:sanc\w*|embargo|tarifa\w*)(?: \w+){0,3} (?:a|ao|contra|sobre|da|do) (?:o |a )?$",
        "id": r"\b(?:sanksi|embargo)(?: \w+){0,3} (?:terhadap|atas|kepada|ke) $",
        "de": r"\b(?:sanktion\w*|embargo)(?: \w+){0,3} (?:gegen|auf) (?:das |die )?$",
    },
    # It happens there, or comes from there.
    "place": {
        "en": r"\b"
        + _any(
            "in from inside across within outside near off throughout hits? strikes rocks jolts batters? grips? shuts? "
            "leaves? out_of"
        )
        + " "
        + _THE
        + "$",
        "es": r"\b(?:en|desde|sacude|azota|golpea|procedentes? de|proveniente de) (?:el |la |norte de |sur de )?$",
        "fr": r"\b(?:en|au|aux|a|dans le|depuis|depuis le) (?:la |le |l')?$",
        "pt": r"\b(?:no|na|nos|nas|em|desde|vindo de) (?:o |a )?$",
        "id": r"\b(?:di|dari|asal|milik|guncang|landa) $",
        "de": r"\b(?:in|aus|im|aus dem|aus der|bei) (?:der |dem |den |nord|sud|ost|west)?$",
        "ru": r"\b(?:в|из|на) $",
    },
    "of": {
        "en": r"\b(?:of) " + _THE + "$",
        "es": r"\b(?:de|del) (?:la |el )?$",
        "fr": r"(?:\b(?:du|de la|de|des) |\b[dl]')$",
        "pt": r"\b(?:da|do|de|dos) $",
        "de": r"\b(?:von|der|des) $",
    },
    # It is where something goes, or a partner.
    "towards": {
        "en": r"\b"
        + _any(
            "to into towards? for against versus vs with between and_eu visits? via through invades amid_tensions_with "
            "relations_with ties_with"
        )
        + " "
        + _THE
        + "$",
        "es": r"\b(?:(?<!oscuras )(?<!azota )(?<!golpea )(?<!sacude )a|hacia|para|con|contra|entre|hacia el) "
        r"(?:el |la |los )?$",
        "fr": r"\b(?:vers|pour|contre|avec|entre|via|cote|face a) (?:le |la |les |l')?$",
        "pt": r"\b(?:para|ao|a|aos|com|contra|entre|rumo a) (?:o |a |os )?$",
        "id": r"\b(?:ke|kepada|untuk|dengan|bagi|terhadap|lawan|antara) $",
        "de": r"\b(?:nach|an|fur|mit|gegen|zwischen) (?:die |den |das )?$",
        "ru": r"\b(?:для|с|против) $",
    },
    # It tells whose ore or mine it is: "mineral boliviano", "mine malienne".
    "goods": {
        "es": r"\b(?:mineral(?:es)?|mina|minas|mineria|exportaci\w+|produccion|salar(?:es)?|gobierno) $",
        "fr": r"\b(?:minerais?|mines?|exportations?|production|gisements?|gouvernement|junte|secteur minier) $",
        "pt": r"\b(?:minerios?|minas?|mineracao|exportac\w+|producao|governo) $",
        "id": r"\b(?:tambang|ekspor|bijih|produksi|pemerintah) $",
    },
    # It is the nationality of a firm: "empresa china", "perusahaan China".
    "firm": {
        "es": r"\b(?:empresas?|companias?|grupo|firmas?|gigante|minera|consorcio|inversor(?:es)?|capitales)(?: \w+)? $",
        "fr": r"\b(?:entreprises?|societes?|groupe|geant|compagnies?|investisseurs?|miniere|junior) $",
        "pt": r"\b(?:empresas?|companhias?|grupo|gigante|mineradora|consorcio|investidor(?:es)?)(?: \w+)? $",
        "id": r"\b(?:perusahaan|investor|raksasa|pabrikan|pembeli|dagang)(?: \w+)? $",
        "de": r"\b(?:konzern|firma|gruppe) $",
    },
}
_DEMAND_BEFORE = (
    r"\b(?:"
    + _any("demand buyers? buying consumption stimulus appetite permintaan demanda demande nachfrage")
    + r"(?: \w+){0,3} (?:in|from|by|of|di|dari|en|de|da|do|du|aus)|imports?(?: \w+){0,2} (?:by|of)) (?:the )?$"
)
_EXPORT_BEFORE = r"\b(?:export|ekspor|ausfuhr)\w*(?: \w+){0,4} (?:on|against|from|of|to) (?:the )?$"

_RULES_EN = (
    _POSSESSIVE
    + r"(?: "
    + _any(
        "to will may might could plans? set government govt officially again also has is now threatens threatening "
        "moves mulls considers? weighs vows ready court parliament president minister state junta military federal new "
        "says it"
    )
    + r"){0,4} "
    + _any(
        "ban halt suspend lift restrict curb limit tighten cut extend slap slam nationali revok order rais block "
        "scrap eas resum restart approv reject stop shut clos seiz trim hik freez delay unveil impos require demand "
        "add weigh strip cancel reopen reinstat withdraw set introduc evict raid expel issue review allow grant forc "
        "process keep pull jail detain arrest "
        "drop abolish remov levi levy tax bar forbid outlaw t(?:ake|ook) clear tell told bann say open"
    )
    + r"\w*"
)
_AFTER: Mapping[str, Mapping[str, str]] = {
    "owned": {
        "en": r"^ "
        + _any("owned backed listed headquartered based funded led financed built controlled operated invested born")
        + r"\b"
    },
    "firm": {
        "en": _POSSESSIVE
        + r"(?: \w+){0,2}? "
        + _any(
            r"firms? compan(?:y|ies) groups? giants? investors? conglomerate consorti\w+ billionaires? tycoon traders? "
            r"banks? explorers? juniors? owners? nationals? refiner battery_makers? workers_abroad citizens? tourists? "
            r"contractors? engineers ambassador embassy envoy entrepreneur\w* businessm[ae]n businesses funds? money "
            r"capital operators? developers? buyout"
        )
        + r"\b",
        "es": r"^ (?:\w+ )?(?:empresa|compania|grupo|firma|minera|gigante)\b",
        "fr": r"^ (?:\w+ )?(?:groupe|entreprise|societe|geant|compagnie)\b",
        "id": r"^ (?:\w+ )?(?:perusahaan|investor)\b",
        "de": r"^ (?:\w+ )?(?:konzern|unternehmen|firma|firmen|gruppe)\b",
    },
    "buys": {
        "en": _POSSESSIVE
        + r"(?: \w+)? "
        + _any(
            r"imports? importers? importing buyers? demand buying consumption consumers? carmakers? automakers? "
            r"stockpil\w* tariffs? purchases? buys? bought chipmakers? jewell?ers jewell?ery mills steelmakers? "
            "holiday new_year lender stocks embassy"
        )
        + r"\b"
    },
    # What countries do that are more often buyers and actors than suppliers.
    "wants": {
        "en": _POSSESSIVE
        + r"(?: \w+)? "
        + _any(
            r"seeks? wants? eyes? eyeing manufacturers? dollar data inflation jobs economy gdp pmi property yields "
            r"treasur\w+ fed rates? senators? lawmakers congress house senate defen[cs]e army military navy pentagon "
            "court secures? signs? offers? invests? pledges? proposes? aids? urges? warns? calls pushes pressures? "
            "asks? warships? troops takes took president cuts?_tariffs"
        )
        + r"\b"
    },
    "acts": {
        "en": _POSSESSIVE + r"(?: \S+){0,4} (?:sanction\w*|tariffs?|imports?|aid|entity list|blacklist\w*|probes?)\b",
        "es": r"^(?:\W+\w+){0,3} (?:sancion\w*|arancel\w*|importa\w*|compra\w*)\b",
        "fr": r"^(?:\W+\w+){0,3} (?:sanction\w*|importe\w*|achete\w*)\b",
        "pt": r"^(?:\W+\w+){0,3} (?:sanc\w*|tarifa\w*|importa\w*|compra\w*)\b",
        "id": r"^(?:\W+\w+){0,3} (?:impor|sanksi|tarif|beli|minta|gugat)\w*\b",
        "de": r"^(?:\W+\w+){0,3} (?:sanktion\w*|zoll\w*|importier\w*|kauft)\b",
    },
    "exports": {
        "en": _POSSESSIVE
        + r"(?: [\w&]+){0,3} "
        + _any(
            "exports? exporting output production supply supplies shipments? quotas? mines? mining miners? ores? "
            "concentrates? smelters? deposits? reserves refinery mineworkers pits? project"
        )
        + r"\b",
        "es": r"^(?: \w+){0,2} (?:export\w*|produc\w*|mina|minas|mineria|yacimiento\w*)\b",
        "fr": r"^(?: \w+){0,2} (?:export\w*|produ\w*|mine|mines|gisement\w*)\b",
        "pt": r"^(?: \w+){0,2} (?:export\w*|produ\w*|mina|minas|mineracao)\b",
        "id": r"^(?: \w+){0,2} (?:ekspor|produksi|larang\w*|tambang|setop|stop)\b",
        "de": r"^(?: \w+){0,2} (?:export\w*|produ\w*|mine|minen|verbiet\w*|stopp\w*|bergbau)\b",
        "ru": r"^(?: \w+){0,2} (?:экспорт|добыч|запре|огранич)\w*",
    },
    # Its own rules: "Chinese permits", "Indonesia's ban".
    "permits": {
        "en": _POSSESSIVE
        + r"(?: \w+)? "
        + _any("permits? licen[cs]es? curbs? export_controls? controls? quotas? bans? restrictions?")
        + r"\b"
    },
    "rules": {"en": _RULES_EN + r"\b"},
    "rules_exports": {
        "en": _RULES_EN + r"(?: \S+){0,5} (?:exports?|quotas?|mines?|mining|output|ore|ores|supplies|shipments)\b"
    },
    # "Chinese nickel smelters" to whom ore is sold.
    "buyers_of_metal": {
        "en": r"^ (?:\w+ )?"
        + _any(r"smelters? refiner\w* buyers? makers? firms? users? mills? compan\w+ plants? market traders?")
        + r"\b"
    },
}
_TO_COMPANY = (
    _POSSESSIVE
    + r"(?: "
    + _any(
        "state owned run based listed backed mining miners? giant group major firm company producer explorer junior "
        "steelmaker refiner trader gold copper lithium nickel uranium alumini?um battery metals? minerals? commodity "
        "fertili[sz]er rare earths? potash groupe minier konzern"
    )
    + r"){0,3} ?$"
)

# Chinese, Japanese and Korean have no words around which a pattern could be built per preposition.
_EAST_ASIAN: Mapping[str, str] = {
    "zh_towards": _any("(?<!反)对 向 赴 往 输 销 至 给 出口 访 访问 抵 与 同 和 涉 抗 运往 出口到 销往") + "$",
    "zh_place": _any("从 自 在 位于 来自 源自 撤出 进口 产自 事发 于") + "$",
    "zh_firm": "^的?"
    + _any(
        "企业 公司 资本 资金 巨头 矿企 企 商 集团 财团 投资 车企 电池 籍 央企 国企 买家 需求 进口 消费 市场 矿业公司 "
        "矿商 拿下 收购 求购 抢 买 股市 商品 关税 将对 拟对 威胁对 对 盯上 寻求 呼吁 敦促 希望 想"
    ),
    "zh_export_to": "^(?:将|拟|威胁)?对.{1,10}(?:出口|断供)",
    "zh_target": "^.{0,8}" + _any("制裁 禁运 关税 禁令 进口禁 反倾销"),
    "zh_acts": "^[^出]{0,10}" + _any("关税 加税 进口 制裁"),
    "zh_exports": "^"
    + _any(
        "的 将 拟 或 也 再 又 宣布 政府 当局 国会 总统 军方 最高法院 法院 央行 计划 考虑 已 正式 全面 开始 准备 威胁 "
        "要 欲 料 决定 正"
    )
    + "*"
    + _any(
        ".{0,4}(?:矿|出口) 禁 限制 暂停 解除 恢复 撤销 吊销 取消 停 上调 下调 削减 收紧 放宽 收回 国有化 要求 提高 产 "
        "开采 供 征 延长 叫停 批准 关闭"
    ),
    "ja_towards": "^"
    + _any("向け へ に輸出 に対 行き 側に との と協 と合意 と会談 を訪問 が輸入 の輸入 の需要 が調達 からの投資"),
    "ja_firm": "^"
    + _any(
        r"系 企業 資本 勢 メーカー 商社 大手 社 の会社 の大手 鉱山会社 国営 の企業 の\S{1,8}社 \S{0,4}企業 が買 "
        "が出資 の支援 の需要 市場 が投資 の関税"
    ),
    "ja_place": "^"
    + _any(
        r"から 産 で における 国内 の鉱 の\S{0,8}(?:鉱山|輸出|生産|製錬|鉱床|案件) "
        r"、\S{0,14}(?:輸出|禁|停止|規制|採掘|鉱)"
    ),
    "ko_towards": r"^(?:에 수출|으로|로 수출|향|행|에 대한|에 대해|과 |와 |측에|의 수입|수입|에게)",
    "ko_firm": r"^ ?(?:기업|업체|자본|계 |회사|투자|의 관세|관세)",
    "ko_place": r"^(?:산|에서|서 |발 |,|의? ?\S{0,8} ?(?:수출|광산|생산|제련))",
}

_COMPILED_BEFORE = {
    name: {language: re.compile(pattern) for language, pattern in table.items()} for name, table in _BEFORE.items()
}
_COMPILED_AFTER = {
    name: {language: re.compile(pattern) for language, pattern in table.items()} for name, table in _AFTER.items()
}
_COMPILED_EAST_ASIAN = {name: re.compile(_folded(pattern)) for name, pattern in _EAST_ASIAN.items()}
_ALL_LANGUAGES = {
    "demand": re.compile(_DEMAND_BEFORE),
    "exports_to": re.compile(_EXPORT_BEFORE),
    "company": re.compile(_TO_COMPANY),
}


def before(name: str, language: str, text: str) -> bool:
    """Tell whether the text before a name says so: `target`, `place`, `of`, `towards`, `firm`, `demand`."""
    pattern = _ALL_LANGUAGES.get(name) or _COMPILED_BEFORE[name].get(language)
    return bool(pattern and pattern.search(text))


def after(name: str, language: str, text: str) -> bool:
    """Tell whether the text after a name says so; see the keys of `_AFTER`."""
    pattern = _COMPILED_AFTER[name].get(language)
    return bool(pattern and pattern.match(text))


def after_exports(text: str) -> bool:
    """Tell whether what is done to a country, by the text before it, is to its buying: "export curbs on Japan"."""
    return bool(_ALL_LANGUAGES["exports_to"].search(text))


def is_owner_of(gap: str) -> bool:
    """Tell whether what stands between a country and a company makes it the company's home: "'s ", " miner "."""
    return bool(_ALL_LANGUAGES["company"].match(gap))


def east_asian(name: str, text: str) -> bool:
    """Tell whether the text before (`_towards`, `_place` in Chinese) or after a name says so, in Chinese and others."""
    return bool(_COMPILED_EAST_ASIAN[name].search(text))
