"""The dashboard: pages for people on the admin listener, made on the server and kept live by server-sent events."""
