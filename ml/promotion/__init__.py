"""What a challenger must show before it becomes champion: evidence on the same rows, gates, and a written record."""
