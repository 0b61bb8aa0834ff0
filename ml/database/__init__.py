"""The relational store that dashboards and the service read: tables, migrations, the connection to either database."""
