"""Links of news with the story that each belongs to, for everything that counts or lists stories."""

from __future__ import annotations

import pandas as pd

from features.text.clusters import clusters

__all__ = ["with_stories"]


def with_stories(links: pd.DataFrame) -> pd.DataFrame:
    """Give rows of `news_links` in the order in which they became known, with `cluster_id`.

    An item is judged by its title as first told here, so the rows that are given decide which stories there are.
    """
    ordered = links.sort_values(["available_at", "item_id"], kind="stable", ignore_index=True)
    items = ordered.drop_duplicates("item_id")
    of_item = dict(zip(items["item_id"], clusters(items), strict=True))
    return ordered.assign(cluster_id=ordered["item_id"].map(of_item))
