"""Reading news feeds and archives of news: bytes to text, text to entries, entries to items; nothing is fetched."""
