"""The tables of OCPI 2.1.1, written by hand once more: what each struct requires, lengths, lists, enums."""

from typing import Any

MOMENT = "2026-03-04T05:06:07Z"
URL = "https://cpo.example/x"
POINT = {"latitude": "52.370216", "longitude": "-126.104965"}

# Of every struct: what its table requires, and what it makes optional.
TABLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "DisplayText": ({"language": "nl", "text": "Kom binnen"}, {}),
    "Version": ({"version": "2.1.1", "url": URL}, {}),
    "Endpoint": ({"identifier": "locations", "url": URL}, {}),
    "VersionDetails": ({"version": "2.1.1", "endpoints": ["Endpoint"]}, {}),
    "Credentials": (
        {"token": "t0", "url": URL, "business_details": "BusinessDetails", "party_id": "CPO", "country_code": "NL"},
        {},
    ),
    "GeoLocation": (POINT, {}),
    "AdditionalGeoLocation": (POINT, {"name": "DisplayText"}),
    "Image": ({"url": URL, "category": "ENTRANCE", "type": "jpeg"}, {"thumbnail": URL, "width": 800, "height": 600}),
    "BusinessDetails": ({"name": "Stroom BV"}, {"website": URL, "logo": "Image"}),
    "EnergySource": ({"source": "WIND", "percentage": 99.5}, {}),
    "EnvironmentalImpact": ({"source": "CARBON_DIOXIDE", "amount": 12}, {}),
    "EnergyMix": (
        {"is_green_energy": False},
        {
            "energy_sources": ["EnergySource"],
            "environ_impact": ["EnvironmentalImpact"],
            "supplier_name": "Windmolen",
            "energy_product_name": "Bries",
        },
    ),
    "RegularHours": ({"weekday": 7, "period_begin": "08:00", "period_end": "23:59"}, {}),
    "ExceptionalPeriod": ({"period_begin": MOMENT, "period_end": MOMENT}, {}),
    "Hours": (
        {},
        {
            "regular_hours": ["RegularHours"],
            "twentyfourseven": False,
            "exceptional_openings": ["ExceptionalPeriod"],
            "exceptional_closings": ["ExceptionalPeriod"],
        },
    ),
    "StatusSchedule": ({"period_begin": MOMENT, "status": "PLANNED"}, {"period_end": MOMENT}),
    "Connector": (
        {
            "id": "1",
            "standard": "IEC_60309_2_single_16",
            "format": "CABLE",
            "power_type": "AC_3_PHASE",
            "voltage": 230,
            "amperage": 32,
            "last_updated": MOMENT,
        },
        {"tariff_id": "night", "terms_and_conditions": URL},
    ),
    "EVSE": (
        {"uid": "e-1", "status": "AVAILABLE", "connectors": ["Connector"], "last_updated": MOMENT},
        {
            "evse_id": "NL*CPO*E1",
            "status_schedule": ["StatusSchedule"],
            "capabilities": ["RFID_READER"],
            "floor_level": "-1",
            "coordinates": "GeoLocation",
            "physical_reference": "left",
            "directions": ["DisplayText"],
            "parking_restrictions": ["EV_ONLY"],
            "images": ["Image"],
        },
    ),
    "Location": (
        {
            "id": "loc-1",
            "type": "UNDERGROUND_GARAGE",
            "address": "Damrak 1",
            "city": "Amsterdam",
            "postal_code": "1012 LG",
            "country": "NLD",
            "coordinates": "GeoLocation",
            "last_updated": MOMENT,
        },
        {
            "name": "Damrak",
            "related_locations": ["AdditionalGeoLocation"],
            "evses": ["EVSE"],
            "directions": ["DisplayText"],
            "operator": "BusinessDetails",
            "suboperator": "BusinessDetails",
            "owner": "BusinessDetails",
            "facilities": ["WIFI"],
            "time_zone": "Europe/Amsterdam",
            "opening_times": "Hours",
            "charging_when_closed": True,
            "images": ["Image"],
            "energy_mix": "EnergyMix",
        },
    ),
    "Session": (
        {
            "id": "s-1",
            "start_datetime": MOMENT,
            "kwh": 1.5,
            "auth_id": "DE-MSP-C1",
            "auth_method": "WHITELIST",
            "location": "Location",
            "currency": "EUR",
            "status": "ACTIVE",
            "last_updated": MOMENT,
        },
        {"end_datetime": MOMENT, "meter_id": "m-1", "charging_periods": ["ChargingPeriod"], "total_cost": 0.6},
    ),
    "CdrDimension": ({"type": "FLAT", "volume": 1}, {}),
    "ChargingPeriod": ({"start_date_time": MOMENT, "dimensions": ["CdrDimension"]}, {}),
    "CDR": (
        {
            "id": "c-1",
            "start_date_time": MOMENT,
            "stop_date_time": MOMENT,
            "auth_id": "DE-MSP-C1",
            "auth_method": "AUTH_REQUEST",
            "location": "Location",
            "currency": "EUR",
            "charging_periods": ["ChargingPeriod"],
            "total_cost": 4,
            "total_energy": 15.342,
            "total_time": 1.973,
            "last_updated": MOMENT,
        },
        {"meter_id": "m-1", "tariffs": ["Tariff"], "total_parking_time": 0.5, "remark": "cable pulled"},
    ),
    "PriceComponent": ({"type": "PARKING_TIME", "price": 2.5, "step_size": 300}, {}),
    "TariffRestrictions": (
        {},
        {
            "start_time": "09:00",
            "end_time": "18:30",
            "start_date": "2026-01-01",
            "end_date": "2026-12-31",
            "min_kwh": 1,
            "max_kwh": 50.5,
            "min_power": 3.7,
            "max_power": 22,
            "min_duration": 60,
            "max_duration": 3600,
            "day_of_week": ["SUNDAY"],
        },
    ),
    "TariffElement": ({"price_components": ["PriceComponent"]}, {"restrictions": "TariffRestrictions"}),
    "Tariff": (
        {"id": "night", "currency": "EUR", "elements": ["TariffElement"], "last_updated": MOMENT},
        {"tariff_alt_text": ["DisplayText"], "tariff_alt_url": URL, "energy_mix": "EnergyMix"},
    ),
    "LocationReferences": ({"location_id": "loc-1"}, {"evse_uids": ["e-1"], "connector_ids": ["1"]}),
    "AuthorizationInfo": ({"allowed": "NO_CREDIT"}, {"location": "LocationReferences", "info": "DisplayText"}),
    "Token": (
        {
            "uid": "04A1B2",
            "type": "RFID",
            "auth_id": "DE-MSP-C1",
            "issuer": "Fahrstrom",
            "valid": True,
            "whitelist": "ALLOWED_OFFLINE",
            "last_updated": MOMENT,
        },
        {"visual_number": "C-0001", "language": "de"},
    ),
    "CommandResponse": ({"result": "UNKNOWN_SESSION"}, {}),
    "ReserveNow": (
        {
            "response_url": URL,
            "token": "Token",
            "expiry_date": MOMENT,
            "reservation_id": 7,
            "location_id": "loc-1",
        },
        {"evse_uid": "e-1"},
    ),
    "StartSession": ({"response_url": URL, "token": "Token", "location_id": "loc-1"}, {"evse_uid": "e-1"}),
    "StopSession": ({"response_url": URL, "session_id": "s-1"}, {}),
    "UnlockConnector": ({"response_url": URL, "location_id": "loc-1", "evse_uid": "e-1", "connector_id": "1"}, {}),
}
LENGTHS = {
    "DisplayText.text": 512,
    "Credentials.party_id": 3,
    "Image.type": 4,
    "BusinessDetails.name": 100,
    "EnergyMix.supplier_name": 64,
    "EnergyMix.energy_product_name": 64,
    "Connector.id": 36,
    "Connector.tariff_id": 36,
    "EVSE.uid": 39,
    "EVSE.evse_id": 48,
    "EVSE.floor_level": 4,
    "EVSE.physical_reference": 16,
    "Location.id": 39,
    "Location.name": 255,
    "Location.address": 45,
    "Location.city": 45,
    "Location.postal_code": 10,
    "Location.country": 3,
    "Location.time_zone": 255,
    "Session.id": 36,
    "Session.auth_id": 36,
    "Session.meter_id": 255,
    "CDR.id": 36,
    "CDR.auth_id": 36,
    "CDR.meter_id": 255,
    "CDR.remark": 255,
    "Tariff.id": 36,
    "LocationReferences.location_id": 39,
    "Token.uid": 36,
    "Token.auth_id": 36,
    "Token.visual_number": 64,
    "Token.issuer": 64,
    "ReserveNow.location_id": 39,
    "ReserveNow.evse_uid": 39,
    "StartSession.location_id": 39,
    "StartSession.evse_uid": 39,
    "StopSession.session_id": 36,
    "UnlockConnector.location_id": 39,
    "UnlockConnector.evse_uid": 39,
    "UnlockConnector.connector_id": 36,
}
CODES = {
    "DisplayText.language": 2,
    "Token.language": 2,
    "Credentials.country_code": 2,
    "Session.currency": 3,
    "CDR.currency": 3,
    "Tariff.currency": 3,
}
URLS = [
    "Version.url",
    "Endpoint.url",
    "Credentials.url",
    "Image.url",
    "Image.thumbnail",
    "BusinessDetails.website",
    "Connector.terms_and_conditions",
    "Tariff.tariff_alt_url",
    "ReserveNow.response_url",
    "StartSession.response_url",
    "StopSession.response_url",
    "UnlockConnector.response_url",
]
TIMES = [
    "RegularHours.period_begin",
    "RegularHours.period_end",
    "TariffRestrictions.start_time",
    "TariffRestrictions.end_time",
]
POINTS = ["GeoLocation", "AdditionalGeoLocation"]
DATES = ["TariffRestrictions.start_date", "TariffRestrictions.end_date"]
AT_LEAST_ONE = [
    "EVSE.connectors",
    "VersionDetails.endpoints",
    "CDR.charging_periods",
    "ChargingPeriod.dimensions",
    "Tariff.elements",
    "TariffElement.price_components",
]
ENUMS = {
    "Allowed": "ALLOWED BLOCKED EXPIRED NO_CREDIT NOT_ALLOWED",
    "AuthMethod": "AUTH_REQUEST WHITELIST",
    "Capability": """
        CHARGING_PROFILE_CAPABLE CREDIT_CARD_PAYABLE REMOTE_START_STOP_CAPABLE RESERVABLE RFID_READER
        UNLOCK_CAPABLE
    """,
    "CdrDimensionType": "ENERGY FLAT MAX_CURRENT MIN_CURRENT PARKING_TIME TIME",
    "CommandResponseType": "NOT_SUPPORTED REJECTED ACCEPTED TIMEOUT UNKNOWN_SESSION",
    "CommandType": "RESERVE_NOW START_SESSION STOP_SESSION UNLOCK_CONNECTOR",
    "ConnectorFormat": "SOCKET CABLE",
    "ConnectorType": """
        CHADEMO DOMESTIC_A DOMESTIC_B DOMESTIC_C DOMESTIC_D DOMESTIC_E DOMESTIC_F DOMESTIC_G DOMESTIC_H
        DOMESTIC_I DOMESTIC_J DOMESTIC_K DOMESTIC_L IEC_60309_2_single_16 IEC_60309_2_three_16
        IEC_60309_2_three_32 IEC_60309_2_three_64 IEC_62196_T1 IEC_62196_T1_COMBO IEC_62196_T2
        IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C TESLA_R TESLA_S
    """,
    "DayOfWeek": "MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY",
    "EnergySourceCategory": "NUCLEAR GENERAL_FOSSIL COAL GAS GENERAL_GREEN SOLAR WIND WATER",
    "EnvironmentalImpactCategory": "NUCLEAR_WASTE CARBON_DIOXIDE",
    "Facility": """
        HOTEL RESTAURANT CAFE MALL SUPERMARKET SPORT RECREATION_AREA NATURE MUSEUM BUS_STOP TAXI_STAND
        TRAIN_STATION AIRPORT CARPOOL_PARKING FUEL_STATION WIFI
    """,
    "ImageCategory": "CHARGER ENTRANCE LOCATION NETWORK OPERATOR OTHER OWNER",
    "LocationType": "ON_STREET PARKING_GARAGE UNDERGROUND_GARAGE PARKING_LOT OTHER UNKNOWN",
    "ModuleID": "cdrs commands credentials locations sessions tariffs tokens",
    "ParkingRestriction": "EV_ONLY PLUGGED DISABLED CUSTOMERS MOTORCYCLES",
    "PowerType": "AC_1_PHASE AC_3_PHASE DC",
    "SessionStatus": "ACTIVE COMPLETED INVALID PENDING",
    "Status": "AVAILABLE BLOCKED CHARGING INOPERATIVE OUTOFORDER PLANNED REMOVED RESERVED UNKNOWN",
    "TariffDimensionType": "ENERGY FLAT PARKING_TIME TIME",
    "TokenType": "OTHER RFID",
    "VersionNumber": "2.0 2.1 2.1.1",
    "WhitelistType": "ALWAYS ALLOWED ALLOWED_OFFLINE NEVER",
}


def whole(name: str) -> Any:
    """An object with all its fields; the name of a struct in a table stands for a whole object of it."""
    required, optional = TABLES[name]
    return {field: filled(value) for field, value in (required | optional).items()}


def filled(value: Any) -> Any:
    """What a value in a table stands for."""
    if isinstance(value, list):
        return [filled(each) for each in value]
    return whole(value) if isinstance(value, str) and value in TABLES else value
