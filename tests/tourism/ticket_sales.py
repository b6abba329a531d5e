"""A place that sells tickets, and what buyers and gates do there in the stories."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from kit import clock
from tests.people import Person, StaffMember, Work
from tests.tourism.guides import make_guide

T = "/v1/tourism"
PRICE = 50_000


class Place:
    """A guide whose place sells tickets."""

    def __init__(self, office: StaffMember, capacity: int = 50, price: int = PRICE, **more: Any) -> None:
        self.id = make_guide("Tràng An", **more)
        self.day = clock.today() + timedelta(days=3)
        kind = {"visitor_class": "adult", "name_vi": "Vé người lớn", "name_en": "Adult", "price_vnd": price,
                "refund_hours_before": 24}  # fmt: skip
        self.type_id = office.post(f"{T}/office/guides/{self.id}/ticket-types", json=kind).json["id"]
        days = {"first_on": str(self.day), "last_on": str(self.day + timedelta(days=1)), "capacity": capacity}
        assert office.post(f"{T}/office/guides/{self.id}/capacity", json=days).json == {"days": 2}

    def order(self, count: int = 1, *, on: date | None = None, amount: int | None = None, card: str = "pm_card_visa"):
        """What a buyer sends."""
        return {
            "guide_id": str(self.id), "visit_on": str(on or self.day),
            "lines": [{"type_id": self.type_id, "count": count}],
            "amount_vnd": PRICE * count if amount is None else amount, "payment_method": card,
        }  # fmt: skip

    def left(self, person: Person) -> int:
        """Places left on the day."""
        return person.get(f"{T}/guides/{self.id}/tickets").json["days"][0]["places_left"]


def buy(person: Any, place: Place, work: Work | None, count: int = 1, **more: Any) -> dict[str, Any]:
    """An order as its buyer reads it once the worker has done its part."""
    made = person.post(f"{T}/ticket-orders", json=place.order(count, **more))
    assert made.status_code == 201, made.json
    if work is not None:
        assert work() == []
    return person.get(f"{T}/ticket-orders/{made.json['id']}").json


def check(office: StaffMember, code: str) -> str:
    """What a gate is told of a code."""
    return office.post(f"{T}/gate/checks", json={"code": code, "gate": "cong-chinh"}).json["outcome"]
