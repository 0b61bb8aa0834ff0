"""The ledger: every forecast that was issued, chained so that no past row can change unseen, and its outcome."""
