"""The same guide in the words of others: GeoJSON (RFC 7946), schema.org as JSON-LD, and GPX 1.1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

GEO_JSON, JSON_LD, GPX, SVG = "application/geo+json", "application/ld+json", "application/gpx+xml", "image/svg+xml"
_TYPES = {
    "place": "TouristAttraction",
    "itinerary": "TouristTrip",
    "event": "Festival",
    "craft_village": "TouristAttraction",
    "food": "FoodEstablishment",
    "tip": "Article",
}
_WEEKDAYS = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday",
    "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip


def feature(guide: Mapping[str, Any]) -> dict[str, Any]:
    """A guide of a list as a GeoJSON feature: its own shape where the list has it, else its point, else null."""
    point = None if guide.get("lat") is None else {"type": "Point", "coordinates": [guide["lon"], guide["lat"]]}
    inside = {name: value for name, value in guide.items() if name not in {"lat", "lon", "geometry"}}
    return {
        "type": "Feature",
        "id": str(guide["id"]),
        "geometry": guide.get("geometry") or point,
        "properties": inside,
    }


def feature_collection(guides: Iterable[Mapping[str, Any]], following: str | None) -> dict[str, Any]:
    """A page of guides as GeoJSON; `next` stands beside the features, as the standard allows."""
    told: dict[str, Any] = {"type": "FeatureCollection", "features": [feature(guide) for guide in guides]}
    return told if following is None else told | {"next": following}


def linked_data(guide: Mapping[str, Any], url: str) -> dict[str, Any]:
    """A guide as schema.org tells it, for search engines; what is not known is left out."""
    told: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": _TYPES[guide["kind"]],
        "@id": url,
        "url": url,
        "name": guide["title"],
        "description": guide["summary"],
        "inLanguage": guide["content_language"],
        "isAccessibleForFree": guide["is_free"],
        "publicAccess": None if guide["temporarily_closed"] is False else False,
        "telephone": guide["contacts"]["phone"],
        "email": guide["contacts"]["email"],
        "sameAs": guide["contacts"]["website"],
        "keywords": ", ".join(guide["tags"]) or None,
        "license": guide["licence"],
    }
    if guide["lat"] is not None:
        told["geo"] = {"@type": "GeoCoordinates", "latitude": guide["lat"], "longitude": guide["lon"]}
    if guide["address"].get("province"):
        told["address"] = {
            "@type": "PostalAddress",
            "addressCountry": "VN",
            "addressRegion": guide["address"]["province"],
            "addressLocality": guide["address"].get("commune"),
            "streetAddress": guide["address"].get("street"),
        }
    if guide["hours"]:
        told["openingHoursSpecification"] = [
            {
                "@type": "OpeningHoursSpecification",
                "dayOfWeek": [f"https://schema.org/{_WEEKDAYS[day]}" for day in line["days"]],
                "opens": time["opens"],
                "closes": time["closes"].replace("24:00", "23:59"),
            }
            for line in guide["hours"].get("weekly") or ()
            for time in line.get("times") or ()
        ]
    if guide["stops"]:
        told["itinerary"] = {
            "@type": "ItemList",
            "itemListElement": [
                {"@type": "ListItem", "position": stop["place"], "name": stop["title"]} for stop in guide["stops"]
            ],
        }
    known: dict[str, Any] = _known(told)
    return known


def gpx(guide: Mapping[str, Any], line: Sequence[tuple[float, float]]) -> str:
    """An itinerary for a navigation device: its stops as way points and as a route, its own line as a track."""
    stops = [stop for stop in guide["stops"] if stop["lat"] is not None]
    points = "\n".join(_gpx_point("wpt", stop, "  ") for stop in stops)
    route = "\n".join(_gpx_point("rtept", stop, "    ") for stop in stops)
    track = "\n".join(f'      <trkpt lat="{lat:.6f}" lon="{lon:.6f}"/>' for lat, lon in line)
    tracked = f"\n  <trk>\n    <trkseg>\n{track}\n    </trkseg>\n  </trk>" if line else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="Citizen" xmlns="http://www.topografix.com/GPX/1/1">\n'
        f"  <metadata><name>{_xml(guide['title'])}</name><desc>{_xml(guide['summary'])}</desc></metadata>\n"
        f"{points}\n  <rte>\n    <name>{_xml(guide['title'])}</name>\n{route}\n  </rte>{tracked}\n</gpx>\n"
    )


def _gpx_point(tag: str, stop: Mapping[str, Any], indent: str) -> str:
    note = f"<desc>{_xml(stop['note'])}</desc>" if stop["note"] else ""
    at = f'lat="{stop["lat"]:.6f}" lon="{stop["lon"]:.6f}"'
    return f"{indent}<{tag} {at}><name>{stop['place']}. {_xml(stop['title'])}</name>{note}</{tag}>"


def _xml(words: str | None) -> str:
    # XML 1.0 has no word for most control characters, not even escaped ones.
    return escape("".join(char for char in words or "" if char >= " " or char in "\t\n"))


def _known(told: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(told, dict):
        return {name: _known(value) for name, value in told.items() if value is not None}
    return [_known(value) for value in told] if isinstance(told, list) else told
