"""The citizens the identity provider knows: samples for every outcome, and people added by the control API."""

import hashlib
import hmac
import re
import secrets
from datetime import date
from typing import Any

from sandbox.clock import Clock
from sandbox.identity_protocol import CLAIMS_OF_SCOPES
from sandbox.providers import VIETNAM, Refused
from sandbox.store import Document, Store

# Own reading: a child under 14 has an account through a guardian, and cannot sign in alone.
LEAST_AGE = 14
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_NATIONAL_ID = re.compile(r"[0-9]{12}")
_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
_GENDERS = ("male", "female")
_FLAGS = ("locked", "refuses_consent")
_FIELDS = frozenset({"id", "name", "birthdate", "gender", "phone_number", "national_id_number", "level", *_FLAGS})
_DEFAULTS: Document = {"level": 2, "phone_number": None} | dict.fromkeys(_FLAGS, False)
# No province of birth has the number 000, so none of these belongs to anybody.
_NO_PROVINCE = "000"
SAMPLES: tuple[Document, ...] = (
    {"id": "an", "name": "Nguyễn Văn An", "birthdate": "1990-05-12", "gender": "male", "level": 2,
     "phone_number": "+84912345678", "national_id_number": "000090000001"},
    {"id": "binh", "name": "Trần Thị Bình", "birthdate": "1985-11-20", "gender": "female", "level": 2,
     "phone_number": "+84987654321", "national_id_number": "000185000002"},
    {"id": "chi", "name": "Lê Thị Chi", "birthdate": "2001-03-08", "gender": "female", "level": 2,
     "phone_number": "+84903456789", "national_id_number": "000301000003"},
    {"id": "dung", "name": "Phạm Quốc Dũng", "birthdate": "1978-01-30", "gender": "male", "level": 1,
     "phone_number": "+84904567891", "national_id_number": "000078000004"},
    {"id": "giang", "name": "Hoàng Thị Giang", "birthdate": "1995-07-17", "gender": "female", "level": 2,
     "phone_number": "+84905678912", "national_id_number": "000195000005", "locked": True},
    {"id": "khoi", "name": "Vũ Minh Khôi", "birthdate": "2016-09-02", "gender": "male", "level": 2,
     "national_id_number": "000216000006"},
    {"id": "lan", "name": "Đỗ Thị Lan", "birthdate": "1969-04-25", "gender": "female", "level": 2,
     "phone_number": "+84906789123", "national_id_number": "000169000007", "refuses_consent": True},
)  # fmt: skip


class People:
    """Every citizen with an identification account."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Keep people in the store, and the secret behind their pairwise names."""
        self._store = store
        self._clock = clock

    def load_samples(self) -> None:
        """Take up the sample citizens that are not known yet; a known one keeps what was changed."""
        with self._store.unit():
            if self._store.get("setting", "identity") is None:
                self._store.put("setting", "identity", {"pairwise_secret": secrets.token_hex(32)})
            for sample in SAMPLES:
                if self._store.get("identity_person", sample["id"]) is None:
                    self.save(sample)

    def list_people(self) -> list[Document]:
        """Return everybody in the order they appeared."""
        return list(self._store.scan("identity_person"))

    def find(self, person_id: str) -> Document | None:
        """Return one person."""
        return self._store.get("identity_person", person_id)

    def save(self, wanted: object) -> tuple[Document, bool]:
        """Add a person or change the named fields of one; returns them and whether they are new.

        Raises Refused 400 for a field that cannot be, 409 when another person has the national id number.
        """
        if not isinstance(wanted, dict):
            raise Refused(400, "invalid_person", "A person is a JSON object.")
        unknown = sorted(set(wanted) - _FIELDS)
        if unknown:
            raise Refused(400, "invalid_person", f"Unknown fields: {', '.join(unknown)}.")
        with self._store.unit():
            person_id = wanted.get("id", f"person-{secrets.token_hex(4)}")
            if not isinstance(person_id, str) or not _ID.fullmatch(person_id):
                raise Refused(400, "invalid_person", "id is small letters, digits and -, at most 32.")
            known = self.find(person_id)
            person: Document = (known or _DEFAULTS) | wanted
            person["id"] = person_id
            self._check(person)
            if not person.get("national_id_number"):
                person["national_id_number"] = self._fresh_number(person)
            number = person["national_id_number"]
            if not isinstance(number, str) or not _NATIONAL_ID.fullmatch(number):
                raise Refused(400, "invalid_person", "national_id_number is 12 digits.")
            if any(p["national_id_number"] == number and p["id"] != person_id for p in self.list_people()):
                raise Refused(409, "number_taken", "Another person has this national id number.")
            self._store.put("identity_person", person_id, person)
            return person, known is None

    def refusal(self, person: Document) -> str | None:
        """Say why this person cannot be identified right now, or None."""
        if person["locked"]:
            return "locked"
        if self._age(person) < LEAST_AGE:
            return "under_age"
        return "consent_refused" if person["refuses_consent"] else None

    def subject(self, person: Document, client_id: str) -> str:
        """Return the person's name towards one client: stable, and of no use to another client."""
        setting = self._store.get("setting", "identity") or {}
        message = f"{client_id}\n{person['id']}".encode()
        return hmac.new(setting["pairwise_secret"].encode(), message, hashlib.sha256).hexdigest()

    def claims(self, person: Document, client_id: str, scopes: list[str]) -> dict[str, Any]:
        """Return what the scopes let a client know; what a person has not is left out."""
        known = person | {"sub": self.subject(person, client_id)}
        if person["phone_number"] is not None:
            known["phone_number_verified"] = True
        wanted = [claim for scope in scopes for claim in CLAIMS_OF_SCOPES[scope]]
        return {claim: known[claim] for claim in wanted if known.get(claim) is not None}

    def _age(self, person: Document) -> int:
        born, today = date.fromisoformat(person["birthdate"]), self._clock.now().astimezone(VIETNAM).date()
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

    def _check(self, person: Document) -> None:
        name, phone = person.get("name"), person["phone_number"]
        if not isinstance(name, str) or not name.strip():
            raise Refused(400, "invalid_person", "name is required.")
        try:
            born = date.fromisoformat(str(person.get("birthdate")))
        except ValueError as wrong:
            raise Refused(400, "invalid_person", "birthdate is written yyyy-mm-dd.") from wrong
        if not 1900 <= born.year < 2100 or born.isoformat() != person["birthdate"]:
            raise Refused(400, "invalid_person", "birthdate is written yyyy-mm-dd, in this century or the last.")
        if person.get("gender") not in _GENDERS:
            raise Refused(400, "invalid_person", f"gender is one of {', '.join(_GENDERS)}.")
        if phone is not None and not (isinstance(phone, str) and _PHONE.fullmatch(phone)):
            raise Refused(400, "invalid_person", "phone_number is written +84… or is null.")
        if isinstance(person["level"], bool) or person["level"] not in {1, 2}:
            raise Refused(400, "invalid_person", "level is 1 or 2.")
        if not all(isinstance(person[flag], bool) for flag in _FLAGS):
            raise Refused(400, "invalid_person", f"{' and '.join(_FLAGS)} are true or false.")

    def _fresh_number(self, person: Document) -> str:
        # Century and gender in one digit: 0 and 1 in the 20th century, 2 and 3 in the 21st, even for men.
        year = int(person["birthdate"][:4])
        digit = 2 * (year // 100 - 19) + _GENDERS.index(person["gender"])
        return f"{_NO_PROVINCE}{digit}{year % 100:02d}{100_000 + self._store.count_up('identity_person'):06d}"
