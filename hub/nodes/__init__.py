"""Several hubs on one database: equal nodes that follow each other's changes, and one of which leads."""
