"""Data types that several modules of OCPI 2.1.1 use.

2.1.1 wants strings in printable ASCII, yet carries texts for drivers in many languages: `text` takes UTF-8, as 2.2.1
says. Only the id of a CDR is a CiString here; all else is compared as it is written.
"""

from typing import Annotated

from hub.ocpi.types import Language, Object, text


class DisplayText(Object, kw_only=True):
    """A text for drivers in one language, 2.1.1, types 1.3."""

    language: Language
    text: Annotated[str, text(512)]
