"""A parent's school dates in one row: the rounds of saved schools, and visits."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from services.education.calendar_file import Entry
from services.education.models import AdmissionRound
from services.education.operations.comparing import FACT_WORDS
from services.education.operations.lists import list_saved, list_visits

_ROUND = {"vi": "Tuyển sinh {level}: {school}", "en": "Admission, {level}: {school}"}
_GRADE = {"vi": "lớp {grade}", "en": "grade {grade}"}
_VISIT = {"vi": "Tham quan {school}", "en": "Visit to {school}"}
_PEOPLE = {"vi": "{campus}, {people} người", "en": "{campus}, {people} people"}
_PAPERS = {"vi": "Giấy tờ: {papers}", "en": "Papers: {papers}"}


def list_entries(session: Session, citizen_id: UUID, language: str) -> list[Entry]:
    """What comes up, each round once however many schools it concerns."""
    rounds: dict[UUID, tuple[AdmissionRound, list[str]]] = {}
    for saved in list_saved(session, citizen_id):
        for one in saved.rounds:
            names = rounds.setdefault(one.id, (one, []))[1]
            if saved.school.name not in names:
                names.append(saved.school.name)
    entries = [_of_round(one, names, language) for one, names in rounds.values()]
    entries += [
        Entry(
            key=f"visit-{visit.id}",
            version=visit.version,
            starts_at=visit.starts_at,
            ends_at=visit.ends_at,
            title=_VISIT[language].format(school=visit.school_name),
            text=_PEOPLE[language].format(campus=visit.campus, people=visit.people),
        )
        for visit in list_visits(session, citizen_id)
    ]
    return sorted(entries, key=lambda entry: (entry.starts_at, entry.key))


def _of_round(one: AdmissionRound, names: list[str], language: str) -> Entry:
    level = _GRADE[language].format(grade=one.grade) if one.grade else FACT_WORDS[language][one.level]
    papers = "; ".join(paper.get(language) or paper["vi"] for paper in one.papers)
    return Entry(
        key=f"round-{one.id}",
        version=one.version,
        starts_at=one.opens_at,
        ends_at=one.closes_at,
        title=_ROUND[language].format(level=level, school=", ".join(names)),
        text=_PAPERS[language].format(papers=papers) if papers else one.source,
    )
