"""What is run: backtest, tracking, weekly batch, command line."""
