"""OCPI's wire types: the response envelope, and what the hub itself speaks of the configuration modules."""
