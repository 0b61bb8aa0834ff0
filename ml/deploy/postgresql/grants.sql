-- Lets oresight_reader read the views whose names begin with v1_, and nothing else; run it as oresight after each migration:
--
--   psql -v ON_ERROR_STOP=1 -d oresight -f grants.sql
--
-- A view reads its tables with its owner's rights: keys, recipients and other tables stay out of a dashboard's reach.
GRANT USAGE ON SCHEMA public TO oresight_reader;
SELECT format('GRANT SELECT ON %I.%I TO oresight_reader', schemaname, viewname)
FROM pg_views
WHERE schemaname = 'public' AND viewname LIKE 'v1\_%'
\gexec
