"""Serve the package extrawest-ocpi as one CPO or eMSP platform that keeps everything in memory; see peer_app.py.

A script for that package's own virtual environment; extrawest.py starts it. Below /ocpi the package speaks the version
that PEER_VERSION says: 2.2.1 or 2.1.1.
"""

from peer_app import Platform, serve
from peer_seeds import OWNER, ROLE, THEN, VERSION
from py_ocpi import get_application
from py_ocpi.core.adapter import BaseAdapter
from py_ocpi.core.authentication.authenticator import Authenticator
from py_ocpi.core.config import settings
from py_ocpi.core.crud import Crud
from py_ocpi.core.enums import ModuleID, RoleEnum
from py_ocpi.core.push import push_object
from py_ocpi.core.schemas import Push, Receiver
from py_ocpi.modules.versions.enums import VersionNumber

VERSIONS_URL = f"{settings.PROTOCOL}://{settings.OCPI_HOST}/{settings.OCPI_PREFIX}/versions"
MODULES = [module for module in ModuleID if module != ModuleID.client_info]
PROFILE = {
    "start_date_time": THEN,
    "charging_profile": {
        "charging_rate_unit": "W",
        "min_charge_rate": 1380.0,
        "charging_profile_period": {"start_period": 0, "limit": 11000.0},
    },
}


class Peer(Platform, Crud):
    async def get(self, module, role, id, *args, **kwargs):  # noqa: A002
        if "response_url" in kwargs:  # a charging profile's result, which the package asks for under hubclientinfo
            return {"result": "ACCEPTED", "profile": PROFILE} if "duration" in kwargs else None
        return await super().get(module, role, id, *args, **kwargs)

    async def create(self, module, role, data, *args, **kwargs):
        if module == ModuleID.charging_profile:  # a result at our response_url
            data = {**data, "id": kwargs["query_params"].get("id", "result")}
        return await super().create(module, role, data, *args, **kwargs)

    async def update(self, module, role, data, id, *args, **kwargs):  # noqa: A002
        return await super().update(module, role, data, kwargs.get("session_id", id), *args, **kwargs)


def authenticator(peer):
    class PeerAuthenticator(Authenticator):
        @classmethod
        async def get_valid_token_a(cls):
            return [peer.token_a] if peer.token_a else []

        @classmethod
        async def get_valid_token_c(cls):
            return [peer.token_c] if peer.token_c else []

    return PeerAuthenticator


async def push(peer, hub, module, object_id):
    receiver = Receiver(endpoints_url=hub.details_url, auth_token=hub.token)
    what = Push(module_id=module, object_id=object_id, receivers=[receiver])
    response = (await push_object(VersionNumber(VERSION), what, peer, BaseAdapter)).receiver_responses[0]
    # Of a CDR's response the package gives the headers, of any other the body.
    headers, body = (response.response, "") if module == "cdrs" else ({}, response.response)
    return {"status": response.status_code, "headers": headers, "body": body}


def main():
    assert tuple(OWNER.values()) == (settings.COUNTRY_CODE, settings.PARTY_ID)
    peer = Peer("Extrawest", VERSIONS_URL, MODULES)
    roles, versions = [RoleEnum(ROLE)], [VersionNumber(VERSION)]
    serve(get_application(versions, roles, peer, MODULES, authenticator(peer)), peer, push)


if __name__ == "__main__":
    main()
