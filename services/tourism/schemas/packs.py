"""What phones read about packs."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from kit.fields import Instant


class PackQuery(ma.Schema):
    """Which packs: of a province, a commune or an itinerary; all of them where none is named."""

    province_code = ma.fields.String(
        load_default=None, validate=ma.validate.Regexp("^[0-9]{2}$"), metadata={"description": "Of today."}
    )
    commune_code = ma.fields.String(
        load_default=None, validate=ma.validate.Regexp("^[0-9]{5}$"), metadata={"description": "Of today."}
    )
    itinerary_id = ma.fields.UUID(load_default=None, metadata={"description": "An itinerary's id."})

    @ma.validates_schema
    def _names_one(self, asked: dict[str, Any], **_options: object) -> None:
        if sum(value is not None for value in asked.values()) > 1:
            raise ma.ValidationError("Must be one of the three.", "itinerary_id")


class PackOrderSchema(ma.Schema):
    """Which pack to make: of exactly one of these."""

    province_code = ma.fields.String(load_default=None, validate=ma.validate.Regexp("^[0-9]{2}$"))
    commune_code = ma.fields.String(load_default=None, validate=ma.validate.Regexp("^[0-9]{5}$"))
    itinerary_id = ma.fields.UUID(load_default=None)

    @ma.validates_schema
    def _names_one(self, asked: dict[str, Any], **_options: object) -> None:
        if sum(value is not None for value in asked.values()) != 1:
            raise ma.ValidationError("Missing data for required field: one of the three.", "province_code")


class PackSummarySchema(ma.Schema):
    """A pack that can be loaded."""

    id = ma.fields.UUID(required=True)
    scope = ma.fields.String(required=True, metadata={"example": "province:37"})
    number = ma.fields.Integer(required=True)
    base_id = ma.fields.UUID(
        required=True, allow_none=True, metadata={"description": "A delta for phones that have this pack."}
    )
    bytes_total = ma.fields.Integer(required=True)
    sha256 = ma.fields.String(required=True)
    created_at = Instant(required=True)


class PacksSchema(ma.Schema):
    """The newest pack of each scope."""

    items = ma.fields.List(ma.fields.Nested(PackSummarySchema), required=True)


class PackPartSchema(ma.Schema):
    """A part of the file, to be fetched again by itself when its hash is wrong."""

    offset = ma.fields.Integer(required=True)
    bytes = ma.fields.Integer(required=True)
    sha256 = ma.fields.String(required=True)


class PackFileSchema(ma.Schema):
    """A file inside of the archive."""

    path = ma.fields.String(required=True)
    bytes = ma.fields.Integer(required=True)
    sha256 = ma.fields.String(required=True)


class PackManifestSchema(ma.Schema):
    """What is signed: exactly these members, as JSON with sorted keys and no spaces (RFC 8785)."""

    format = ma.fields.Integer(required=True)
    id = ma.fields.UUID(required=True)
    scope = ma.fields.String(required=True)
    number = ma.fields.Integer(required=True)
    base_id = ma.fields.UUID(required=True, allow_none=True)
    built_at = ma.fields.String(required=True, metadata={"format": "date-time"})
    content_version = ma.fields.Integer(required=True)
    bytes = ma.fields.Integer(required=True)
    sha256 = ma.fields.String(required=True)
    parts = ma.fields.List(ma.fields.Nested(PackPartSchema), required=True)
    files = ma.fields.List(ma.fields.Nested(PackFileSchema), required=True)
    removed = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "Tombstones: to be forgotten."}
    )
    left_out = ma.fields.List(
        ma.fields.String(), required=True, metadata={"description": "Files the size budget had no room for."}
    )
    kid = ma.fields.String(required=True)


class SignedPackSchema(ma.Schema):
    """A manifest with its Ed25519 signature; refuse what the published key of `kid` has not signed."""

    manifest = ma.fields.Nested(PackManifestSchema, required=True)
    signature = ma.fields.String(required=True)


class PackUpdateSchema(ma.Schema):
    """What to fetch: `pack` is null when the phone has the newest."""

    pack = ma.fields.Nested(PackSummarySchema, required=True, allow_none=True)


class PackKeySchema(ma.Schema):
    """A public key (RFC 8037)."""

    kty = ma.fields.String(required=True)
    crv = ma.fields.String(required=True)
    x = ma.fields.String(required=True)
    kid = ma.fields.String(required=True)
    alg = ma.fields.String(required=True)
    use = ma.fields.String(required=True)


class PackKeysSchema(ma.Schema):
    """All keys that sign or have signed."""

    keys = ma.fields.List(ma.fields.Nested(PackKeySchema), required=True)
