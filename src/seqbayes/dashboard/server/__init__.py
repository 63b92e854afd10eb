"""The HTTP server: routes, access, the API, ingest and metrics."""
