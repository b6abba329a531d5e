"""What a month of power or water costs: tariffs as dated data, and the arithmetic that turns usage into a charge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal, NamedTuple, get_args

Service = Literal["power", "water"]
Shape = Literal["tiers", "flat", "blocks_per_household", "blocks_per_person"]
LineKind = Literal["tier", "vat", "fee"]


class NoTariff(LookupError):
    """No tariff of that service and customer class is in force on that day."""


class SeveralTariffs(LookupError):
    """Two tariffs claim the same service, customer class and day; the data must be mended before anyone is billed."""


class Label(NamedTuple):
    """The same words in Vietnamese and in English."""

    vi: str
    en: str


UNITS: dict[Service, str] = {"power": "kWh", "water": "m³"}
NO_WORDS = Label("", "")


@dataclass(frozen=True, slots=True)
class Step:
    """One price and how far it reaches: up to and including `up_to` units, None for the last, endless step."""

    up_to: int | None
    price_vnd: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price list with its days of validity and its source.

    Prices are đồng per kWh or m³ before tax; `vat_percent` and `fee_percent` are both taken on the amount before tax.
    `provider` None means every company of the service. Without `valid_from` the tariff is never in force.
    `valid_to` is the last day. Raises ValueError when the steps or the days make no sense.
    """

    code: str
    service: Service
    shape: Shape
    class_: str
    steps: tuple[Step, ...]
    vat_percent: Decimal
    fee_percent: Decimal
    fee_name: Label | None
    valid_from: date | None
    valid_to: date | None
    source: str
    note: str
    provider: str | None = None
    example: bool = False

    def __post_init__(self) -> None:
        """Refuse a price list nobody could bill by."""
        if self.service not in UNITS or self.shape not in get_args(Shape):
            raise ValueError(f"{self.code}: unknown service or shape")
        bounds = [step.up_to for step in self.steps]
        inner = [bound for bound in bounds[:-1] if bound is not None]
        if not bounds or bounds[-1] is not None or len(inner) != len(bounds) - 1:
            raise ValueError(f"{self.code}: only the last step is endless, and it must be there")
        if any(low >= high for low, high in zip([0, *inner], inner, strict=False)):
            raise ValueError(f"{self.code}: steps must rise")
        if self.shape == "flat" and inner:
            raise ValueError(f"{self.code}: a flat tariff has one step")
        if any(step.price_vnd < 0 for step in self.steps) or self.vat_percent < 0 or self.fee_percent < 0:
            raise ValueError(f"{self.code}: prices and percentages are not negative")
        if self.fee_percent and self.fee_name is None:
            raise ValueError(f"{self.code}: a fee needs a name, the citizen reads it on the bill")
        if self.valid_to is not None and (self.valid_from is None or self.valid_to < self.valid_from):
            raise ValueError(f"{self.code}: ends before it begins")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Tariff":
        """Read one entry of the tariff file; percentages are text there, so that no float touches money.

        Raises KeyError for a missing property and ValueError for one that makes no sense.
        """
        fee_name = data["fee_name"]
        return cls(
            code=data["code"],
            service=data["service"],
            shape=data["shape"],
            class_=data["class"],
            steps=tuple(Step(up_to=step["up_to"], price_vnd=step["price_vnd"]) for step in data["steps"]),
            vat_percent=Decimal(data["vat_percent"]),
            fee_percent=Decimal(data["fee_percent"]),
            fee_name=None if fee_name is None else Label(vi=fee_name["vi"], en=fee_name["en"]),
            valid_from=_day(data["valid_from"]),
            valid_to=_day(data["valid_to"]),
            source=data["source"],
            note=data["note"],
            provider=data.get("provider"),
            example=data.get("example", False),
        )

    def to_json(self) -> dict[str, Any]:
        """Give the entry back as `from_json` reads it."""
        return {
            "code": self.code,
            "service": self.service,
            "shape": self.shape,
            "class": self.class_,
            "provider": self.provider,
            "steps": [{"up_to": step.up_to, "price_vnd": step.price_vnd} for step in self.steps],
            "vat_percent": str(self.vat_percent),
            "fee_percent": str(self.fee_percent),
            "fee_name": None if self.fee_name is None else self.fee_name._asdict(),
            "valid_from": None if self.valid_from is None else self.valid_from.isoformat(),
            "valid_to": None if self.valid_to is None else self.valid_to.isoformat(),
            "example": self.example,
            "source": self.source,
            "note": self.note,
        }

    def in_force(self, on: date) -> bool:
        """Say whether this price list counts on that day."""
        if self.valid_from is None or on < self.valid_from:
            return False
        return self.valid_to is None or on <= self.valid_to


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill. Tax and fee lines have no quantity and no price, only an amount in đồng."""

    kind: LineKind
    name_vi: str
    name_en: str
    quantity: int | None
    unit: str
    price_vnd: int | None
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What is owed, in đồng, and why: the lines always sum to the total."""

    lines: tuple[Line, ...]
    before_tax_vnd: int
    vat_vnd: int
    fee_vnd: int
    total_vnd: int


def compute(tariff: Tariff, usage: int, households: int = 1, persons: int | None = None) -> Charge:
    """Charge `usage` whole kWh or m³ by one tariff.

    Households that share a meter widen every tier and household block; blocks per person need `persons`.
    VAT and fee are each taken once on the sum before tax, rounded half up to the đồng.
    Raises ValueError for a negative usage, less than one household, or blocks per person without persons.
    """
    bounds = _bounds(tariff, usage, households, persons)
    return _charge([(tariff, _lines_of_steps(tariff, usage, bounds))])


def compute_split(
    before: Tariff,
    after: Tariff,
    *,
    changed_on: date,
    first_on: date,
    last_on: date,
    usage: int,
    households: int = 1,
    persons: int | None = None,
) -> Charge:
    """Charge a period in which the price changed; usage and step widths are divided by days.

    `first_on` and `last_on` are the first and last day of usage, both included; `changed_on` is the first day of the
    new price and must fall inside, after the first day. No unit is lost or counted twice, and two equal tariffs
    give the same amounts as one. Raises ValueError as `compute` does, for days that are out of order, or for
    tariffs of two services.
    """
    if not first_on < changed_on <= last_on:
        raise ValueError("the price must change inside the period, after its first day")
    if before.service != after.service:
        raise ValueError("a month is split between two prices of the same service")
    days_before, days = (changed_on - first_on).days, (last_on - first_on).days + 1
    usage_before = _share(usage, days_before, days)
    # Each later part is the rest, never a second rounding: the parts then add up to the whole.
    bounds_before = [
        None if bound is None else _share(bound, days_before, days)
        for bound in _bounds(before, usage, households, persons)
    ]
    bounds_after = [
        None if bound is None else bound - _share(bound, days_before, days)
        for bound in _bounds(after, usage, households, persons)
    ]
    old_days = Label(vi=f", trước ngày {changed_on:%d/%m/%Y}", en=f", before {changed_on.isoformat()}")
    new_days = Label(vi=f", từ ngày {changed_on:%d/%m/%Y}", en=f", from {changed_on.isoformat()}")
    return _charge(
        [
            (before, _lines_of_steps(before, usage_before, bounds_before, old_days)),
            (after, _lines_of_steps(after, usage - usage_before, bounds_after, new_days)),
        ]
    )


def pick(tariffs: Iterable[Tariff], service: Service, class_: str, on: date, *, provider: str | None = None) -> Tariff:
    """Find the tariff in force on a day; a company's own price list goes before the national one.

    `provider` is the company's slug; without it only national tariffs count. Raises NoTariff when none is in force
    and SeveralTariffs when the data hold more than one answer.
    """
    valid = [one for one in tariffs if (one.service, one.class_) == (service, class_) and one.in_force(on)]
    own = [one for one in valid if provider is not None and one.provider == provider]
    found = own or [one for one in valid if one.provider is None]
    if not found:
        raise NoTariff(f"{service}, {class_}, {on.isoformat()}")
    if len(found) > 1:
        raise SeveralTariffs(", ".join(one.code for one in found))
    return found[0]


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _percent_of(amount_vnd: int, percent: Decimal) -> int:
    return int((amount_vnd * percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _share(whole: int, days: int, of_days: int) -> int:
    """Round `whole * days / of_days` half up in integers, so that no size of number can lose a unit."""
    return (2 * whole * days + of_days) // (2 * of_days)


def _bounds(tariff: Tariff, usage: int, households: int, persons: int | None) -> list[int | None]:
    """Give the upper end of each step for this meter, after checking that the meter makes sense."""
    if usage < 0:
        raise ValueError("usage is not negative; a wrong reading is corrected by the company")
    if households < 1:
        raise ValueError("a meter serves at least one household")
    if tariff.shape == "blocks_per_person":
        if persons is None or persons < 1:
            raise ValueError(f"{tariff.code}: blocks per person need the number of persons")
        times = persons
    else:
        times = households
    return [None if step.up_to is None else step.up_to * times for step in tariff.steps]


def _lines_of_steps(tariff: Tariff, usage: int, bounds: Sequence[int | None], days: Label = NO_WORDS) -> list[Line]:
    """Lay the usage over the steps; a step that got nothing makes no line."""
    unit = UNITS[tariff.service]
    lines, start = [], 0
    for number, (step, bound) in enumerate(zip(tariff.steps, bounds, strict=True), start=1):
        end = usage if bound is None else min(usage, bound)
        if end > start:
            name = _step_name(tariff, number, start, bound)
            lines.append(
                Line(
                    kind="tier",
                    name_vi=name.vi + days.vi,
                    name_en=name.en + days.en,
                    quantity=end - start,
                    unit=unit,
                    price_vnd=step.price_vnd,
                    amount_vnd=(end - start) * step.price_vnd,
                )
            )
            start = end
    return lines


def _step_name(tariff: Tariff, number: int, start: int, bound: int | None) -> Label:
    """Name a step the way citizens know it from the paper bill."""
    if tariff.shape == "flat":
        return Label("Tiền điện", "Electricity") if tariff.service == "power" else Label("Tiền nước", "Water")
    unit = UNITS[tariff.service]
    if bound is None:
        return Label(f"Bậc {number}: trên {start} {unit}", f"Tier {number}: above {start} {unit}")
    return Label(f"Bậc {number}: từ {start + 1} đến {bound} {unit}", f"Tier {number}: {start + 1} to {bound} {unit}")


def _charge(parts: Sequence[tuple[Tariff, list[Line]]]) -> Charge:
    """Add tax and fee. Parts with the same rate are taxed together, so that splitting a month rounds only once."""
    lines = [line for _, part in parts for line in part]
    vat_bases: dict[Decimal, int] = {}
    fee_bases: dict[tuple[Decimal, Label | None], int] = {}
    for tariff, part in parts:
        amount_vnd = sum(line.amount_vnd for line in part)
        vat_bases[tariff.vat_percent] = vat_bases.get(tariff.vat_percent, 0) + amount_vnd
        fee = (tariff.fee_percent, tariff.fee_name)
        fee_bases[fee] = fee_bases.get(fee, 0) + amount_vnd
    before_tax_vnd = sum(line.amount_vnd for line in lines)
    vat_lines = [
        _percent_line("vat", Label("Thuế GTGT", "VAT"), percent, amount_vnd)
        for percent, amount_vnd in vat_bases.items()
        if percent
    ]
    fee_lines = [
        _percent_line("fee", name, percent, amount_vnd)
        for (percent, name), amount_vnd in fee_bases.items()
        if percent and name is not None
    ]
    vat_vnd = sum(line.amount_vnd for line in vat_lines)
    fee_vnd = sum(line.amount_vnd for line in fee_lines)
    return Charge(
        lines=(*lines, *vat_lines, *fee_lines),
        before_tax_vnd=before_tax_vnd,
        vat_vnd=vat_vnd,
        fee_vnd=fee_vnd,
        total_vnd=before_tax_vnd + vat_vnd + fee_vnd,
    )


def _percent_line(kind: LineKind, name: Label, percent: Decimal, base_vnd: int) -> Line:
    rate = f"{percent.normalize():f}"
    return Line(
        kind=kind,
        name_vi=f"{name.vi} {rate.replace('.', ',')}%",
        name_en=f"{name.en} {rate}%",
        quantity=None,
        unit="%",
        price_vnd=None,
        amount_vnd=_percent_of(base_vnd, percent),
    )
