"""The bridge: objects of one OCPI version told in another, with a report of what could not be carried.

>>> from hub.bridge import convert
>>> told = convert("Tariff", tariff, "2.2.1", "2.1.1")
>>> told.value, told.losses
"""

from hub.bridge.convert import Bridged, bridges, convert
from hub.bridge.rules import CanNotBridge, Facts, Loss

__all__ = ["Bridged", "CanNotBridge", "Facts", "Loss", "bridges", "convert"]
