"""The CDRs module of OCPI 2.2.1: its wire types (chapter 10)."""

from enum import StrEnum
from typing import Annotated

from hub.ocpi.types import AT_LEAST_ONE, Country, CountryCode, Currency, DateTime, Number, Object, PartyId, ci, text
from hub.ocpi.v2_2_1.locations import ConnectorFormat, ConnectorType, GeoLocation, PowerType
from hub.ocpi.v2_2_1.tariffs import Tariff
from hub.ocpi.v2_2_1.tokens import TokenType
from hub.ocpi.v2_2_1.types import Price


class AuthMethod(StrEnum):
    """How a driver was authorised, 2.2.1 section 10.4.1."""

    AUTH_REQUEST = "AUTH_REQUEST"
    COMMAND = "COMMAND"
    WHITELIST = "WHITELIST"


class CdrDimensionType(StrEnum):
    """What a charging period measures, 2.2.1 section 10.4.3. Some values are for sessions only."""

    CURRENT = "CURRENT"
    ENERGY = "ENERGY"
    ENERGY_EXPORT = "ENERGY_EXPORT"
    ENERGY_IMPORT = "ENERGY_IMPORT"
    MAX_CURRENT = "MAX_CURRENT"
    MIN_CURRENT = "MIN_CURRENT"
    MAX_POWER = "MAX_POWER"
    MIN_POWER = "MIN_POWER"
    PARKING_TIME = "PARKING_TIME"
    POWER = "POWER"
    RESERVATION_TIME = "RESERVATION_TIME"
    STATE_OF_CHARGE = "STATE_OF_CHARGE"
    TIME = "TIME"


class CdrLocation(Object, kw_only=True):
    """What a CDR keeps of location, EVSE and connector, 2.2.1 section 10.4.4."""

    id: Annotated[str, ci(36)]
    name: Annotated[str, text(255)] | None = None
    # The table says 45 and 20. It copies the location, whose fields may be longer: then nobody could send a CDR.
    address: Annotated[str, text(255)]
    city: Annotated[str, text(45)]
    postal_code: Annotated[str, text(10)] | None = None
    state: Annotated[str, text(45)] | None = None
    country: Country
    coordinates: GeoLocation
    evse_uid: Annotated[str, ci(36)]
    evse_id: Annotated[str, ci(48)]
    connector_id: Annotated[str, ci(36)]
    connector_standard: ConnectorType
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class CdrToken(Object, kw_only=True):
    """What sessions and CDRs keep of a token, 2.2.1 section 10.4.5."""

    country_code: CountryCode
    party_id: PartyId
    uid: Annotated[str, ci(36)]
    type: TokenType
    contract_id: Annotated[str, ci(36)]


class CdrDimension(Object, kw_only=True):
    """One measured value of a charging period, 2.2.1 section 10.4.2."""

    type: CdrDimensionType
    volume: Number


class ChargingPeriod(Object, kw_only=True):
    """A part of a session with what was measured in it, 2.2.1 section 10.4.6. It ends where the next one starts."""

    start_date_time: DateTime
    dimensions: Annotated[list[CdrDimension], AT_LEAST_ONE]
    tariff_id: Annotated[str, ci(36)] | None = None


class SignedValue(Object, kw_only=True):
    """One measurement, plain and signed, 2.2.1 section 10.4.8."""

    nature: Annotated[str, ci(32)]
    plain_data: Annotated[str, text(5000)]
    signed_data: Annotated[str, text(5000)]


class SignedData(Object, kw_only=True):
    """Measurements signed by the meter, as calibration law asks for, 2.2.1 section 10.4.7."""

    encoding_method: Annotated[str, ci(36)]
    encoding_method_version: int | None = None
    public_key: Annotated[str, text(512)] | None = None
    signed_values: Annotated[list[SignedValue], AT_LEAST_ONE]
    url: Annotated[str, text(512)] | None = None


class CDR(Object, kw_only=True):
    """A finished session and its cost: what is invoiced, 2.2.1 section 10.3.1."""

    country_code: CountryCode
    party_id: PartyId
    id: Annotated[str, ci(39)]
    start_date_time: DateTime
    end_date_time: DateTime
    session_id: Annotated[str, ci(36)] | None = None
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: Annotated[str, ci(36)] | None = None
    cdr_location: CdrLocation
    meter_id: Annotated[str, text(255)] | None = None
    currency: Currency
    tariffs: list[Tariff] | None = None
    charging_periods: Annotated[list[ChargingPeriod], AT_LEAST_ONE]
    signed_data: SignedData | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy: Number
    total_energy_cost: Price | None = None
    total_time: Number
    total_time_cost: Price | None = None
    total_parking_time: Number | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
    remark: Annotated[str, text(255)] | None = None
    invoice_reference_id: Annotated[str, ci(39)] | None = None
    credit: bool | None = None
    credit_reference_id: Annotated[str, ci(39)] | None = None
    home_charging_compensation: bool | None = None
    last_updated: DateTime
