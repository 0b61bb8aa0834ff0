"""One module a step, chained by `down_revision`; a step that has been released is never changed."""
