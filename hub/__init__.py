"""OCPI roaming hub: routes OCPI messages between many platforms by party id."""

__version__ = "0.1.0"
