"""The steps that make the schema; `ml.database.migrating` runs them."""
