"""Who is to be seen: the same person is one patient, whoever books and by whatever profile."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import orjson
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import persons.operations
from kit import sealed, vault
from kit.database import new_id
from kit.vault import DataKey
from persons.models import IdentityField
from services.health.errors import BirthDateMissing, NotEligible
from services.health.models import (
    Booking,
    DrawRequest,
    Patient,
    PatientKey,
    PriorityGroup,
    Service,
    WaitlistEntry,
)

_INSURANCE_DIGITS = 10
_UNDER, _FROM = 6, 75


@dataclass(frozen=True)
class Who:
    """A patient for a booking: the person's number here, and what the clinic will read, not yet sealed."""

    patient_id: UUID
    patient_no: int
    member_id: UUID | None
    name: str | None
    birth_date: date | None

    def age_on(self, day: date) -> int | None:
        """Whole years on a day."""
        born = self.birth_date
        return None if born is None else day.year - born.year - ((day.month, day.day) < (born.month, born.day))


@dataclass(frozen=True)
class Told:
    """What the clinic may read of a patient."""

    name: str | None
    birth_date: date | None

    def who(self, row: Booking | WaitlistEntry | DrawRequest) -> Who:
        """The patient of the row that was unsealed."""
        return Who(row.patient_id, row.patient_no, row.member_id, self.name, self.birth_date)


def resolve_patients(session: Session, citizen_id: UUID, members: Sequence[UUID | None]) -> list[Who]:
    """The patients these profiles stand for, None being the citizen; locked until the transaction ends.

    A CCCD or insurance number told by two relatives leads to one patient. The lock lets one booking of a patient be
    made at a time, so that two relatives at once get one place and one refusal. Raises NotFound for a profile that is
    not the citizen's.
    """
    found = [_resolve(session, citizen_id, member_id) for member_id in members]
    # Nobody else sees those that were made in this transaction.
    known = {who.patient_id for who, is_fresh in found if not is_fresh}
    if known:
        lock_patients(session, known)
    return [who for who, _is_fresh in found]


def lock_patient(session: Session, patient_id: UUID, *, wait: bool) -> bool:
    """Let nobody else book for this patient until the transaction ends; False when somebody does so right now."""
    lock = select(Patient.id).where(Patient.id == patient_id).with_for_update(key_share=True, skip_locked=not wait)
    return session.execute(lock).one_or_none() is not None


def lock_patients(session: Session, patient_ids: Collection[UUID]) -> None:
    """The same for several, always in the same order, and waiting for each."""
    meant = select(Patient.id).where(Patient.id.in_(patient_ids)).order_by(Patient.id)
    session.execute(meant.with_for_update(key_share=True))


def priority_of(age: int | None) -> PriorityGroup | None:
    """The priority that age alone gives; all others are shown at the desk."""
    if age is None or _UNDER <= age < _FROM:
        return None
    return PriorityGroup.UNDER_SIX if age < _UNDER else PriorityGroup.SEVENTY_FIVE


def check_age(service: Service, who: Who, day: date, until: date | None = None) -> None:
    """Raises BirthDateMissing or NotEligible when the service is not for a person of that age on the day.

    With `until`, when it is so on none of the days from the one to the other.
    """
    if service.min_age is None and service.max_age is None:
        return
    youngest, oldest = who.age_on(day), who.age_on(until or day)
    if youngest is None or oldest is None:
        raise BirthDateMissing
    is_too_young = service.min_age is not None and oldest < service.min_age
    is_too_old = service.max_age is not None and youngest > service.max_age
    if is_too_young or is_too_old:
        raise NotEligible(min_age=service.min_age, max_age=service.max_age)


def seal(session: Session, citizen_id: UUID, row_id: UUID, who: Who) -> bytes | None:
    """What the clinic may read, sealed under the citizen's key for one row; None when there is nothing to read."""
    if who.name is None and who.birth_date is None:
        return None
    return seal_told(sealed.make_key(session, citizen_id), row_id, Told(who.name, who.birth_date))


def seal_told(key: DataKey, row_id: UUID, told: Told) -> bytes:
    """The same for a key at hand."""
    return key.seal(_place(row_id), orjson.dumps({"name": told.name, "birth_date": told.birth_date}).decode())


def unseal(key: DataKey | None, row_id: UUID, value: bytes | None) -> Told:
    """What was sealed for the row; nothing once the key is destroyed."""
    if key is None or value is None:
        return Told(None, None)
    told = orjson.loads(key.unseal(_place(row_id), value))
    return Told(told["name"], date.fromisoformat(told["birth_date"]) if told["birth_date"] else None)


def _place(row_id: UUID) -> str:
    return f"patient:{row_id}"


def _resolve(session: Session, citizen_id: UUID, member_id: UUID | None) -> tuple[Who, bool]:
    if member_id is None:
        told = sealed.read(
            session,
            citizen_id,
            [IdentityField.NAME, IdentityField.BIRTH_DATE, IdentityField.CCCD, IdentityField.HEALTH_INSURANCE_NO],
        )
        name, born = told.get(IdentityField.NAME), told.get(IdentityField.BIRTH_DATE)
        birth_date = date.fromisoformat(born) if born else None
        cccd, insurance = told.get(IdentityField.CCCD), told.get(IdentityField.HEALTH_INSURANCE_NO)
        own = f"citizen:{citizen_id}"
    else:
        member = persons.operations.get_member(session, citizen_id, member_id)
        name, birth_date, cccd, insurance = member.name, member.birth_date, member.cccd, member.health_insurance_no
        own = f"member:{member_id}"
    patient_id, patient_no, is_fresh = _find_or_make(session, _keys(own, cccd, insurance))
    return Who(patient_id, patient_no, member_id, name, birth_date), is_fresh


def _keys(own: str, cccd: str | None, insurance: str | None) -> list[bytes]:
    """The blind indexes of a person, the surest first."""
    names = []
    if cccd:
        names.append(f"cccd:{cccd}")
    if insurance:
        digits = re.sub(r"\D", "", insurance)[-_INSURANCE_DIGITS:]
        names.append(f"insurance:{digits}")
    return [vault.blind_index("patient", name) for name in (*names, own)]


def _find_or_make(session: Session, keys: Sequence[bytes]) -> tuple[UUID, int, bool]:
    """Id and number of the patient these keys lead to, and whether it was made just now."""
    known = _read_keys(session, keys)
    surest = next((known[key] for key in keys if key in known), None)
    is_fresh = surest is None
    if surest is None:
        made = insert(Patient).values(id=new_id(), created_at=func.now()).returning(Patient.id, Patient.no)
        row = session.execute(made).one()
        surest = row.id, row.no
    if missing := [key for key in keys if key not in known]:
        # In one order everywhere, or two relatives at once could wait for each other.
        rows = [{"key": key, "patient_id": surest[0]} for key in sorted(missing)]
        written = session.scalars(
            insert(PatientKey).values(rows).on_conflict_do_nothing().returning(PatientKey.key)
        ).all()
        if len(written) < len(missing):
            # Somebody else wrote one of them meanwhile: theirs holds.
            again = _read_keys(session, keys)
            surest, is_fresh = next(again[key] for key in keys if key in again), False
    return *surest, is_fresh


def _read_keys(session: Session, keys: Sequence[bytes]) -> dict[bytes, tuple[UUID, int]]:
    rows = session.execute(
        select(PatientKey.key, Patient.id, Patient.no)
        .join(Patient, Patient.id == PatientKey.patient_id)
        .where(PatientKey.key.in_(keys))
    )
    return {row.key: (row.id, row.no) for row in rows}
