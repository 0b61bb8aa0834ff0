"""One command that measures everything the README and the model card say of the forecasts, and the tables it fills."""
