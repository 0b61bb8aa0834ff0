"""Where a run goes once it is made: pages, tables and feeds for people and programs."""
