"""The words of messages in the readers' languages: events, tiers, kinds of change and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LANGUAGES", "Words"]


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words; `headline` and `digest` are filled in with `str.format`."""

    drill: str
    kinds: Mapping[str, str]
    tiers: Mapping[str, str]
    targets: Mapping[str, str]
    events: Mapping[str, str]
    stages: Mapping[str, str]
    why: Mapping[str, str]
    headline: str
    digest: str
    held: str


ENGLISH = Words(
    drill="DRILL: ",
    kinds={"raised": "Warning", "updated": "Update", "cleared": "Cleared", "acknowledged": "Acknowledged"},
    tiers={tier: tier for tier in ("severe", "elevated", "guarded", "low")},
    targets={
        "supply_drop": "exports below 70 % of the three years before",
        "severe_supply_drop": "exports below 50 % of the three years before",
        "restriction_onset": "a new export restriction",
        "price_spike": "a price rise of 25 % or more",
        "production_drop": "a fall of mine production",
    },
    events={
        "supply_drop": "Exports (tonnes) may fall below 70 % of the mean of the three years before",
        "severe_supply_drop": "Exports (tonnes) may fall below 50 % of the mean of the three years before",
        "restriction_onset": "The supplier may announce a new export restriction on the mineral",
        "price_spike": "The price may rise 25 % or more above the last one known",
        "production_drop": "Mine production may fall",
    },
    stages={"extraction": "ores and concentrates", "processing": "refined or processed"},
    why={
        "above_threshold": "the probability has reached the threshold",
        "tier_rose": "the tier rose above all that was told of this warning before",
        "tier_rose_again": "the tier rose",
        "tier_fell": "the tier fell; the warning stays",
        "probability_rose": "the probability rose clearly; the tier is the same",
        "probability_fell": "the probability fell clearly; the tier is the same",
        "mute_over": "told now because it was muted until a short while ago",
        "below_threshold": "the probability fell to the lower threshold; this warning is over",
        "window_over": "the period that the warning was about is over; its figures will tell what became of it",
        "rule_removed": "its rule was removed",
        "drill": "a drill was called",
        "acknowledged": "it was acknowledged",
    },
    headline="{kind}: {mineral_en} from {supplier_en}, {target} in {window}: {probability}",
    digest="{count} more warnings as of {as_of}",
    held="No forecast to rely on for {as_of}; {count} warnings stand unchanged",
)
CHINESE = Words(
    drill="【演習】",
    kinds={"raised": "警示", "updated": "更新", "cleared": "解除", "acknowledged": "已確認"},
    tiers={"severe": "嚴重", "elevated": "偏高", "guarded": "留意", "low": "低"},
    targets={
        "supply_drop": "出口量低於前三年平均之七成",
        "severe_supply_drop": "出口量低於前三年平均之五成",
        "restriction_onset": "新的出口限制",
        "price_spike": "價格上漲 25% 以上",
        "production_drop": "礦山減產",
    },
    events={
        "supply_drop": "出口量(公噸)可能低於前三年平均之七成",
        "severe_supply_drop": "出口量(公噸)可能低於前三年平均之五成",
        "restriction_onset": "供應國可能宣布對此礦物之新出口限制",
        "price_spike": "價格可能較最近已知價格上漲 25% 以上",
        "production_drop": "礦山產量可能下降",
    },
    stages={"extraction": "礦砂及精礦", "processing": "精煉或加工品"},
    why={
        "above_threshold": "機率已達發布門檻",
        "tier_rose": "等級升至本警示歷來最高",
        "tier_rose_again": "等級上升",
        "tier_fell": "等級下降,警示持續",
        "probability_rose": "機率明顯上升,等級不變",
        "probability_fell": "機率明顯下降,等級不變",
        "mute_over": "靜音期間已過,補發通知",
        "below_threshold": "機率已降至解除門檻,本警示結束",
        "window_over": "警示所指期間已結束,實際結果待數據公布",
        "rule_removed": "所屬規則已移除",
        "drill": "演習",
        "acknowledged": "已有人確認",
    },
    headline="{kind}:{supplier_zh}{mineral_zh},{window} 年{target}之機率 {probability}",
    digest="截至 {as_of} 另有 {count} 則警示",
    held="{as_of} 沒有可信的預測;{count} 則警示維持不變",
)
LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "zh-Hant": CHINESE}
