"""Tariffs: published test values, the shapes of real price lists, and what must hold for any usage."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from services.utilities.tariffs import (
    Label,
    NoTariff,
    SeveralTariffs,
    Shape,
    Step,
    Tariff,
    compute,
    compute_split,
    pick,
)

ENTRIES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "sample" / "tariffs.json").read_text(encoding="utf-8")
)
TARIFFS = {entry["code"]: Tariff.from_json(entry) for entry in ENTRIES}
SIX_TIERS = TARIFFS["power-household-2025-05-10"]
FIVE_TIERS = TARIFFS["power-household-five-tiers"]
HOUSEHOLD_WATER = TARIFFS["water-ninh-binh-household-2017"]
RURAL_WATER = TARIFFS["water-ninh-binh-rural-2017"]

split_september = partial(compute_split, first_on=date(2026, 9, 1), last_on=date(2026, 9, 30))

FEE = Label(vi="Phí bảo vệ môi trường", en="Environmental fee")


def make_water(shape: Shape, steps: Sequence[tuple[int | None, int]]) -> Tariff:
    """Make a water price list with 5 % VAT and a 10 % fee."""
    return Tariff(
        code="water",
        service="water",
        shape=shape,
        class_="household",
        steps=tuple(Step(up_to, price_vnd) for up_to, price_vnd in steps),
        vat_percent=Decimal(5),
        fee_percent=Decimal(10),
        fee_name=FEE,
        valid_from=date(2024, 1, 1),
        valid_to=None,
        source="test",
        note="",
    )


LANG_SON_2024 = make_water("blocks_per_household", [(10, 9_700), (20, 12_000), (30, 15_200), (None, 18_800)])
# The bounds of 4 and 6 m³ a person and the first price are HCMC's (2019), the other prices only fill the shape.
HCMC_SHAPE = make_water("blocks_per_person", [(4, 5_300), (6, 10_200), (None, 11_400)])


@pytest.mark.parametrize(
    ("kwh", "households", "before_tax_vnd", "vat_vnd", "total_vnd"),
    [
        (0, 1, 0, 0, 0),
        (50, 1, 99_200, 7_936, 107_136),
        (51, 1, 101_250, 8_100, 109_350),
        (100, 1, 201_700, 16_136, 217_836),
        (250, 1, 589_600, 47_168, 636_768),
        (401, 1, 1_077_960, 86_237, 1_164_197),
        (420, 1, 1_143_700, 91_496, 1_235_196),
        (250, 2, 522_400, 41_792, 564_192),
    ],
)
def test_six_tiers_give_the_known_amounts(
    kwh: int, households: int, before_tax_vnd: int, vat_vnd: int, total_vnd: int
) -> None:
    charge = compute(SIX_TIERS, kwh, households)

    assert (charge.before_tax_vnd, charge.vat_vnd, charge.fee_vnd, charge.total_vnd) == (
        before_tax_vnd,
        vat_vnd,
        0,
        total_vnd,
    )


@pytest.mark.parametrize(
    ("kwh", "before_tax_vnd", "vat_vnd", "total_vnd"),
    [
        (250, 586_300, 46_904, 633_204),
        (420, 1_107_420, 88_594, 1_196_014),
        (701, 2_111_267, 168_901, 2_280_168),
    ],
)
def test_five_tiers_give_the_known_amounts(kwh: int, before_tax_vnd: int, vat_vnd: int, total_vnd: int) -> None:
    charge = compute(FIVE_TIERS, kwh)

    assert (charge.before_tax_vnd, charge.vat_vnd, charge.total_vnd) == (before_tax_vnd, vat_vnd, total_vnd)


def test_a_household_in_ninh_binh_pays_water_tax_and_fee() -> None:
    charge = compute(HOUSEHOLD_WATER, 1)

    assert (charge.before_tax_vnd, charge.vat_vnd, charge.fee_vnd, charge.total_vnd) == (8_936, 447, 894, 10_277)
    assert [line.kind for line in charge.lines] == ["tier", "vat", "fee"]


def test_rural_water_in_ninh_binh_has_no_environmental_fee() -> None:
    charge = compute(RURAL_WATER, 1)

    assert (charge.before_tax_vnd, charge.vat_vnd, charge.fee_vnd, charge.total_vnd) == (7_694, 385, 0, 8_079)
    assert [line.kind for line in charge.lines] == ["tier", "vat"]


def test_lang_son_charges_each_block_at_its_own_price() -> None:
    charge = compute(LANG_SON_2024, 35)

    amounts = [line.amount_vnd for line in charge.lines if line.kind == "tier"]
    assert amounts == [97_000, 120_000, 152_000, 94_000]
    assert (charge.before_tax_vnd, charge.vat_vnd, charge.fee_vnd, charge.total_vnd) == (
        463_000,
        23_150,
        46_300,
        532_450,
    )


def test_two_households_behind_one_water_meter_have_two_first_blocks() -> None:
    charge = compute(LANG_SON_2024, 25, households=2)

    assert [(line.quantity, line.price_vnd) for line in charge.lines if line.kind == "tier"] == [
        (20, 9_700),
        (5, 12_000),
    ]


def test_blocks_per_person_grow_with_the_family() -> None:
    alone = compute(HCMC_SHAPE, 20, persons=1)
    family = compute(HCMC_SHAPE, 20, persons=4)

    assert [line.quantity for line in alone.lines if line.kind == "tier"] == [4, 2, 14]
    assert [line.quantity for line in family.lines if line.kind == "tier"] == [16, 4]
    assert family.before_tax_vnd == 16 * 5_300 + 4 * 10_200


def test_one_cubic_metre_at_the_published_hcmc_price_costs_6095() -> None:
    charge = compute(HCMC_SHAPE, 1, persons=1)

    assert charge.total_vnd == 6_095


def test_blocks_per_person_refuse_a_meter_without_persons() -> None:
    with pytest.raises(ValueError, match="number of persons"):
        compute(HCMC_SHAPE, 20)


@pytest.mark.parametrize(
    ("usage", "households", "message"), [(-1, 1, "usage is not negative"), (10, 0, "at least one household")]
)
def test_a_meter_that_makes_no_sense_is_refused(usage: int, households: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compute(SIX_TIERS, usage, households)


def test_the_lines_name_the_tiers_in_both_languages() -> None:
    charge = compute(SIX_TIERS, 420)

    first, last, vat = charge.lines[0], charge.lines[5], charge.lines[6]
    assert (first.name_vi, first.name_en, first.unit) == ("Bậc 1: từ 1 đến 50 kWh", "Tier 1: 1 to 50 kWh", "kWh")
    assert (last.name_vi, last.name_en, last.quantity) == ("Bậc 6: trên 400 kWh", "Tier 6: above 400 kWh", 20)
    assert (vat.name_vi, vat.name_en, vat.quantity, vat.price_vnd) == ("Thuế GTGT 8%", "VAT 8%", None, None)


def test_half_a_dong_of_tax_is_rounded_up() -> None:
    ten_dong = replace(RURAL_WATER, steps=(Step(None, 10),))

    charge = compute(ten_dong, 1)

    assert charge.vat_vnd == 1


def test_the_six_tiers_begin_on_10_may_2025() -> None:
    found = pick(TARIFFS.values(), "power", "household", date(2025, 5, 10))

    assert found == SIX_TIERS
    with pytest.raises(NoTariff):
        pick(TARIFFS.values(), "power", "household", date(2025, 5, 9))


def test_a_tariff_counts_on_its_last_day_and_not_after() -> None:
    ended = replace(SIX_TIERS, valid_to=date(2026, 11, 9))
    follower = replace(SIX_TIERS, code="next", valid_from=date(2026, 11, 10))

    found = [pick([ended, follower], "power", "household", date(2026, 11, day)) for day in (9, 10)]

    assert found == [ended, follower]


def test_a_tariff_without_a_first_day_is_never_in_force() -> None:
    days = [date(2020, 1, 1), date(2026, 11, 21), date(2100, 1, 1)]

    assert not any(FIVE_TIERS.in_force(day) for day in days)


def test_a_company_uses_its_own_price_list_before_the_national_one() -> None:
    national = replace(HOUSEHOLD_WATER, code="national", provider=None)
    on = date(2026, 11, 21)

    own = pick([national, HOUSEHOLD_WATER], "water", "household", on, provider="nuoc-ninh-binh")
    other = pick([national, HOUSEHOLD_WATER], "water", "household", on, provider="nuoc-bac-ninh")

    assert (own, other) == (HOUSEHOLD_WATER, national)


def test_two_tariffs_for_one_day_are_an_error_and_not_a_choice() -> None:
    with pytest.raises(SeveralTariffs, match="power-household-2025-05-10, twin"):
        pick([SIX_TIERS, replace(SIX_TIERS, code="twin")], "power", "household", date(2026, 1, 1))


def test_a_month_with_two_prices_is_divided_by_days() -> None:
    dearer = replace(SIX_TIERS, steps=tuple(Step(step.up_to, step.price_vnd * 2) for step in SIX_TIERS.steps))

    charge = split_september(SIX_TIERS, dearer, changed_on=date(2026, 9, 11), usage=300)

    # Ten of thirty days: 100 kWh at the old price over tiers of 17, 33 and 67, the other 200 at the new one.
    assert [(line.quantity, line.price_vnd) for line in charge.lines if line.kind == "tier"] == [
        (17, 1_984),
        (16, 2_050),
        (34, 2_380),
        (33, 2_998),
        (33, 3_968),
        (34, 4_100),
        (66, 4_760),
        (67, 5_996),
    ]
    assert charge.lines[0].name_vi == "Bậc 1: từ 1 đến 17 kWh, trước ngày 11/09/2026"
    assert charge.lines[4].name_en == "Tier 1: 1 to 33 kWh, from 2026-09-11"
    assert [line.kind for line in charge.lines].count("vat") == 1


def test_a_month_with_two_tax_rates_shows_both() -> None:
    ten_percent = replace(SIX_TIERS, vat_percent=Decimal(10))

    charge = compute_split(
        SIX_TIERS,
        ten_percent,
        changed_on=date(2027, 1, 1),
        first_on=date(2026, 12, 17),
        last_on=date(2027, 1, 15),
        usage=100,
    )

    assert [line.name_vi for line in charge.lines if line.kind == "vat"] == ["Thuế GTGT 8%", "Thuế GTGT 10%"]
    assert charge.vat_vnd == sum(line.amount_vnd for line in charge.lines if line.kind == "vat")


@pytest.mark.parametrize("changed_on", [date(2026, 9, 1), date(2026, 10, 1)])
def test_a_price_that_changes_outside_the_month_splits_nothing(changed_on: date) -> None:
    with pytest.raises(ValueError, match="inside the period"):
        split_september(SIX_TIERS, SIX_TIERS, changed_on=changed_on, usage=100)


def test_power_and_water_never_share_a_bill() -> None:
    with pytest.raises(ValueError, match="same service"):
        split_september(SIX_TIERS, HOUSEHOLD_WATER, changed_on=date(2026, 9, 2), usage=100)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["code"])
def test_a_tariff_survives_the_way_to_json_and_back(entry: dict[str, Any]) -> None:
    tariff = Tariff.from_json(entry)

    again = Tariff.from_json(json.loads(json.dumps(tariff.to_json())))

    assert again == tariff


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"service": "gas"}, "unknown service"),
        ({"shape": "circle"}, "unknown service or shape"),
        ({"steps": []}, "endless"),
        ({"steps": [{"up_to": 50, "price_vnd": 1}]}, "endless"),
        ({"steps": [{"up_to": None, "price_vnd": 1}, {"up_to": None, "price_vnd": 2}]}, "endless"),
        ({"steps": [{"up_to": up_to, "price_vnd": 1} for up_to in (50, 50, None)]}, "rise"),
        ({"steps": [{"up_to": up_to, "price_vnd": 1} for up_to in (0, None)]}, "rise"),
        ({"shape": "flat"}, "one step"),
        ({"steps": [{"up_to": None, "price_vnd": -1}]}, "not negative"),
        ({"vat_percent": "-8"}, "not negative"),
        ({"fee_percent": "10"}, "needs a name"),
        ({"valid_to": "2025-05-09"}, "ends before"),
        ({"valid_from": None, "valid_to": "2026-01-01"}, "ends before"),
        ({"valid_from": "10/05/2025"}, "isoformat"),
    ],
)
def test_a_price_list_nobody_could_bill_by_is_refused(wrong: dict[str, Any], message: str) -> None:
    entry = SIX_TIERS.to_json() | wrong

    with pytest.raises(ValueError, match=message):
        Tariff.from_json(entry)


@st.composite
def price_lists(draw: st.DrawFn) -> Tariff:
    """Draw any price list with rising bounds, any rates and any shape."""
    bounds = sorted(draw(st.sets(st.integers(1, 1_000), max_size=6)))
    steps = [(bound, draw(st.integers(0, 20_000))) for bound in bounds]
    shapes: list[Shape] = ["tiers", "blocks_per_household", "blocks_per_person"] if bounds else ["flat"]
    tariff = make_water(draw(st.sampled_from(shapes)), [*steps, (None, draw(st.integers(0, 20_000)))])
    rates = st.decimals(0, 30, places=1)
    return replace(tariff, vat_percent=draw(rates), fee_percent=draw(rates))


usages = st.integers(0, 100_000)
meters = st.integers(1, 20)


@given(price_lists(), usages, meters, meters)
def test_the_lines_always_sum_to_the_total(tariff: Tariff, usage: int, households: int, persons: int) -> None:
    charge = compute(tariff, usage, households, persons)

    assert sum(line.amount_vnd for line in charge.lines) == charge.total_vnd
    assert charge.before_tax_vnd + charge.vat_vnd + charge.fee_vnd == charge.total_vnd
    assert sum(line.quantity for line in charge.lines if line.quantity is not None) == usage


@given(price_lists(), usages, usages, meters)
def test_using_more_never_costs_less(tariff: Tariff, usage: int, more: int, meter: int) -> None:
    less, greater = sorted((usage, more))

    assert compute(tariff, less, meter, meter).total_vnd <= compute(tariff, greater, meter, meter).total_vnd


@given(usages, meters, meters)
def test_more_households_never_pay_more_where_prices_rise(usage: int, households: int, more: int) -> None:
    fewer, many = sorted((households, more))

    assert compute(SIX_TIERS, usage, many).total_vnd <= compute(SIX_TIERS, usage, fewer).total_vnd


@given(price_lists(), usages, meters, st.integers(1, 61), st.data())
def test_splitting_a_month_between_two_equal_prices_changes_no_amount(
    tariff: Tariff, usage: int, meter: int, days: int, data: st.DataObject
) -> None:
    first_on = date(2026, 9, 1)
    changed_on = first_on + timedelta(days=data.draw(st.integers(1, days)))

    split = compute_split(
        tariff,
        tariff,
        changed_on=changed_on,
        first_on=first_on,
        last_on=first_on + timedelta(days=days),
        usage=usage,
        households=meter,
        persons=meter,
    )

    whole = compute(tariff, usage, meter, meter)
    assert (split.before_tax_vnd, split.vat_vnd, split.fee_vnd, split.total_vnd) == (
        whole.before_tax_vnd,
        whole.vat_vnd,
        whole.fee_vnd,
        whole.total_vnd,
    )


@given(price_lists(), price_lists(), usages, st.integers(1, 29))
def test_a_split_month_loses_no_unit(before: Tariff, after: Tariff, usage: int, days_before: int) -> None:
    changed_on = date(2026, 9, 1) + timedelta(days=days_before)

    charge = split_september(before, after, changed_on=changed_on, usage=usage, persons=3)

    assert sum(line.quantity for line in charge.lines if line.quantity is not None) == usage
    assert sum(line.amount_vnd for line in charge.lines) == charge.total_vnd
