"""From the text of a news item to minerals, suppliers and one event; knows the catalogue, no source, store or date."""
