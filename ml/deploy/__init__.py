"""What an operator gets to run oresight: dashboards, alert rules, Compose, Kubernetes, systemd and cron."""
