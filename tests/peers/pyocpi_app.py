"""Serve the package py-ocpi as one CPO or eMSP platform that keeps everything in memory; see peer_app.py.

A script for that package's own virtual environment; pyocpi.py starts it. The package speaks OCPI 2.2.1 below /ocpi, and
writes https into every URL, so it is served with TLS. It asks for no token itself: that is left to its user's crud.
"""

from peer_app import Platform, authorization, parsed, serve
from peer_seeds import ROLE, VERSION
from py_ocpi import get_application
from py_ocpi.core.config import settings
from py_ocpi.core.enums import Action, ModuleID, RoleEnum
from py_ocpi.core.exceptions import AuthorizationOCPIError, NotFoundOCPIError
from py_ocpi.core.push import send_push_request
from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr
from py_ocpi.modules.commands.v_2_2_1.schemas import CommandResponse, CommandResult
from py_ocpi.modules.credentials.v_2_2_1.schemas import Credentials
from py_ocpi.modules.locations.v_2_2_1.schemas import Location
from py_ocpi.modules.sessions.v_2_2_1.schemas import ChargingPreferences, Session
from py_ocpi.modules.tariffs.v_2_2_1.schemas import Tariff
from py_ocpi.modules.tokens.v_2_2_1.schemas import AuthorizationInfo, Token
from py_ocpi.modules.versions.enums import VersionNumber

VERSIONS_URL = f"https://{settings.OCPI_HOST}/{settings.OCPI_PREFIX}/versions"


class Peer(Platform):
    """What the package asks of its user, and the check of tokens: an exception that it makes a plain HTTP 500 of."""

    async def get(self, module, role, id, *args, **kwargs):  # noqa: A002
        if module == ModuleID.credentials_and_registration:
            return self.credentials(id) if id == self.token_c else None
        self.check(kwargs)
        found = await super().get(module, role, id, *args, **kwargs)
        if found is None and module.value in self.owned:
            raise NotFoundOCPIError
        return found

    async def list(self, module, role, filters, *args, **kwargs):
        self.check(kwargs)
        return await super().list(module, role, filters, *args, **kwargs)

    async def create(self, module, role, data, *args, **kwargs):
        if module == ModuleID.credentials_and_registration and kwargs["auth_token"] != self.token_a:
            raise AuthorizationOCPIError
        if module == ModuleID.cdrs:  # everything else was looked for with `get` before
            self.check(kwargs)
        return await super().create(module, role, data, *args, **kwargs)

    async def update(self, module, role, data, id, *args, **kwargs):  # noqa: A002
        self.check(kwargs)
        return await super().update(module, role, data, id, *args, **kwargs)

    async def delete(self, module, role, id, *args, **kwargs):  # noqa: A002
        self.check(kwargs)
        await super().delete(module, role, id, *args, **kwargs)

    async def do(self, module, role, action, data=None, *args, **kwargs):
        if action == Action.get_client_token and module == ModuleID.credentials_and_registration:
            # None is a stranger, and what is empty somebody who is not registered yet.
            known = {self.token_c: (self.hub or {}).get("token", ""), self.token_a: ""}
            return known.get(kwargs["auth_token"])
        self.check(kwargs)
        return await super().do(module, role, action, data, *args, **kwargs)

    def check(self, kwargs):
        if kwargs["auth_token"] != self.token_c:
            raise AuthorizationOCPIError


def adapt(model):
    return staticmethod(lambda data, version=None: model(**data))


class Adapter:
    """Our objects are in OCPI's shape already."""

    location_adapter = adapt(Location)
    session_adapter = adapt(Session)
    charging_preference_adapter = adapt(ChargingPreferences)
    credentials_adapter = adapt(Credentials)
    cdr_adapter = adapt(Cdr)
    tariff_adapter = adapt(Tariff)
    command_response_adapter = adapt(CommandResponse)
    command_result_adapter = adapt(CommandResult)
    token_adapter = adapt(Token)
    authorization_adapter = adapt(AuthorizationInfo)


async def push(peer, hub, module, object_id):
    """The package's own request, from where it has the endpoints.

    Its `push_object` finds none with any hub that follows OCPI: it takes the version details for a list.
    """
    mine, token = peer.objects[module][object_id.lower()], authorization(hub.token)
    response = await send_push_request(object_id, mine, ModuleID(module), Adapter, token, hub.endpoints)
    return {"status": response.status_code, "headers": dict(response.headers), "body": parsed(response.text)}


def main():
    peer = Peer("py-ocpi", VERSIONS_URL, ModuleID)
    serve(get_application([VersionNumber(VERSION)], [RoleEnum(ROLE)], peer, Adapter), peer, push)


if __name__ == "__main__":
    main()
