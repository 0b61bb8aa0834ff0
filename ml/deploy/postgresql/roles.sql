-- Makes the roles and databases, as a superuser; run again, it changes passwords only:
--
--   psql -v ON_ERROR_STOP=1 -d postgres -f roles.sql
--
-- Passwords are read from files that the environment names (psql runs the words in backquotes), so that none stands in
-- a command line or in this file: OWNER_PASSWORD_FILE, MLFLOW_PASSWORD_FILE, READER_PASSWORD_FILE.
\set owner_password `cat "$OWNER_PASSWORD_FILE"`
\set mlflow_password `cat "$MLFLOW_PASSWORD_FILE"`
\set reader_password `cat "$READER_PASSWORD_FILE"`

-- An empty password would be none: division by zero stops the script before a role is touched.
SELECT 1 / least(length(:'owner_password'), length(:'mlflow_password'), length(:'reader_password')) AS given
\gset

-- oresight owns its tables and views; mlflow has a database of its own; oresight_reader is what may be read (grants.sql),
-- and grafana, like any other dashboard, logs in as a member of it: CREATE ROLE superset LOGIN IN ROLE oresight_reader.
SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['oresight', 'mlflow', 'oresight_reader', 'grafana']) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
ALTER ROLE oresight LOGIN PASSWORD :'owner_password';
ALTER ROLE mlflow LOGIN PASSWORD :'mlflow_password';
ALTER ROLE grafana LOGIN PASSWORD :'reader_password' CONNECTION LIMIT 20;
GRANT oresight_reader TO grafana;
-- What a dashboard asks by mistake must not hold up the weekly job.
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
ALTER ROLE grafana SET idle_in_transaction_session_timeout = '60s';

SELECT format('CREATE DATABASE %I OWNER %I', name, name)
FROM unnest(ARRAY['oresight', 'mlflow']) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name)
\gexec
REVOKE ALL ON DATABASE oresight FROM PUBLIC;
REVOKE ALL ON DATABASE mlflow FROM PUBLIC;
GRANT CONNECT ON DATABASE oresight TO oresight_reader;
