"""The struct of a PATCH body, made from the struct of the whole object."""

from functools import cache

import msgspec

from hub.ocpi.types import Object

_STAMP = "last_updated"


@cache
def partial(whole: type[msgspec.Struct], *, stamped: bool = True) -> type[msgspec.Struct]:
    """The struct of what a PATCH of `whole` may hold: `LocationPatch` for Location. One and the same at each call.

    A field that is absent is `msgspec.UNSET`. What is optional in the whole may be null, which takes it away; what is
    required may not. Objects inside are whole ones. `stamped`: `last_updated` is required where the whole has it, as
    the PATCH methods of 2.2.1 and later say (locations 8.2.2.3, sessions, tokens). Those of 2.1.1 ask for none.
    """
    return msgspec.defstruct(
        f"{whole.__name__}Patch",
        [_field(each, stamped) for each in msgspec.structs.fields(whole)],
        bases=(Object,),
        module=whole.__module__,
        namespace={"__doc__": f"What changes in a {whole.__name__}: the body of a PATCH."},
        kw_only=True,
    )


def _field(field: msgspec.structs.FieldInfo, stamped: bool) -> tuple[str, object] | tuple[str, object, object]:
    if stamped and field.name == _STAMP:
        return field.name, field.type
    default = msgspec.field(name=field.encode_name, default=msgspec.UNSET)
    return field.name, field.type | msgspec.UnsetType, default
