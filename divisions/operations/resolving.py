"""From what a citizen has (an old code, an old name, half an address) to the communes of today."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session, aliased

from divisions.addresses import Phrase, read_phrases
from divisions.models import ChangeKind, Unit, UnitChange, UnitLevel, UnitType
from divisions.names import TYPE_NAMES, Likeness, has_marks, likeness, search_fold
from divisions.operations.reading import Columns, communes_of, in_force, province, province_of
from kit import clock

MAX_CANDIDATES = 20
# A commune that changed more often than this would be a loop in the data.
_MOST_CHANGES = 20
_former = aliased(Unit, name="former_province")


@dataclass(frozen=True)
class OldCommune:
    """A commune that is no more, as the office's table names it."""

    code: str
    name: str
    full_name: str
    type: UnitType | None
    district: str
    province_code: str
    province_name: str | None


@dataclass(frozen=True)
class Candidate:
    """A commune of today that may be meant. `kind`: how much of the old one went into it; None when it is current."""

    unit: Columns
    likeness: Likeness
    kind: ChangeKind | None = None
    changed_on: date | None = None
    old: OldCommune | None = None


@dataclass(frozen=True)
class Resolution:
    """Candidates, best first. `ask_street`: the old commune was divided, only the street tells where a home is now."""

    candidates: Sequence[Candidate]
    ask_street: bool


@dataclass(frozen=True)
class _Trace:
    """An old commune on its way to today: where it has come to, and since when."""

    code: str
    since: date
    kind: ChangeKind | None = None
    changed_on: date | None = None
    old: OldCommune | None = None


def resolve(
    session: Session,
    *,
    code: str | None = None,
    on: date | None = None,
    text: str | None = None,
    area: str | None = None,
) -> Resolution:
    """Whichever of `resolve_code` and `resolve_text` fits the question: a code with its day, or a text."""
    if code is not None and on is not None:
        return resolve_code(session, code, on, area)
    return resolve_text(session, text or "", area)


def resolve_code(session: Session, code: str, on: date, area: str | None = None) -> Resolution:
    """What the commune that bore `code` on the day `on` is today.

    Several candidates, and `ask_street`, when it was divided. Several without `ask_street` when two communes bore the
    code, which then differ in their old names. None when no commune is known to have borne it. Raises UnknownArea.
    """
    start = _Trace(code, on)
    ended = _follow(session, [start])
    if start in ended:
        borne = select(Unit.code).where(Unit.level == UnitLevel.COMMUNE, Unit.code == code, in_force(Unit, on))
        if session.scalar(borne) is None:
            return Resolution([], ask_street=False)
    units = _units_of_today(session, {trace.code for trace in ended}, area)
    candidates = [
        Candidate(units[trace.code], Likeness.EXACT, trace.kind, trace.changed_on, trace.old)
        for trace in ended
        if trace.code in units
    ]
    candidates.sort(key=lambda candidate: (candidate.unit.sort_key, candidate.unit.code))
    return Resolution(candidates, _is_divided(candidates))


def resolve_text(session: Session, text: str, area: str | None = None) -> Resolution:
    """The communes that `text` may name, old and new names alike, best first, at most twenty.

    Names of districts and provinces beside it narrow the choice; so does `area`. A text with diacritics means what it
    says when some commune is spelled so; without any, every name that folds alike is a candidate. Raises UnknownArea.
    """
    phrases = read_phrases(text)
    # A bare number is a house more often than a ward.
    named = [p for p in phrases if not p.context and p.fold and (p.types or not p.fold.isdigit())]
    matches = [*_match_units(session, named, phrases), *_match_old(session, named, phrases)]
    units = _units_of_today(session, {match.trace.code for match in matches}, area)
    best = _narrow([match for match in matches if match.trace.code in units], with_marks=has_marks(text))
    candidates: dict[str, Candidate] = {}
    for match in sorted(best, key=lambda match: match.order(units)):
        trace = match.trace
        found = Candidate(units[trace.code], match.likeness, trace.kind, trace.changed_on, trace.old)
        candidates.setdefault(trace.code, found)
    return Resolution(
        list(candidates.values())[:MAX_CANDIDATES], any(match.trace.kind is ChangeKind.PART for match in best)
    )


# -- matching ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Match:
    """A phrase of the text that names a commune, and how well all the text fits it."""

    phrase: Phrase
    trace: _Trace
    likeness: Likeness
    context: int  # how many other phrases name its district or province
    right_type: bool

    def order(self, units: dict[str, Columns]) -> tuple[Any, ...]:
        """What sorts the better match first: nearer spelling, then what is called so today, then the alphabet."""
        unit = units[self.trace.code]
        return self.likeness, self.trace.kind is not None, unit.sort_key, unit.code


def _match_units(session: Session, named: Sequence[Phrase], phrases: Sequence[Phrase]) -> Iterable[_Match]:
    today = clock.today()
    rows = session.execute(
        select(Unit.code, Unit.name, Unit.name_fold, Unit.type, province.name_fold.label("province_fold"))
        .outerjoin(
            province,
            and_(province.level == UnitLevel.PROVINCE, province.code == Unit.parent_code, in_force(province, today)),
        )
        .where(
            Unit.level == UnitLevel.COMMUNE,
            in_force(Unit, today),
            Unit.name_fold.in_({phrase.fold for phrase in named}),
        )
    ).all()
    for phrase in named:
        for row in rows:
            if row.name_fold == phrase.fold:
                around = {row.province_fold or ""}
                yield _Match(
                    phrase,
                    _Trace(row.code, today),
                    likeness(phrase.text, row.name),
                    _context(phrase, phrases, around),
                    not phrase.types or row.type in phrase.types,
                )


def _match_old(session: Session, named: Sequence[Phrase], phrases: Sequence[Phrase]) -> Iterable[_Match]:
    rows = session.execute(_old_communes().where(UnitChange.old_name_fold.in_({phrase.fold for phrase in named}))).all()
    # Which province it is in today helps too: citizens mix old and new names.
    ended = _follow(session, [_trace_of(row) for row in rows])
    units = _units_of_today(session, {trace.code for trace in ended}, None)
    for phrase in named:
        for trace in ended:
            old = trace.old
            if old is None or search_fold(old.name) != phrase.fold or trace.code not in units:
                continue
            around = {
                _district_fold(old.district),
                search_fold(old.province_name or ""),
                search_fold(units[trace.code].province_name or ""),
            }
            yield _Match(
                phrase,
                trace,
                likeness(phrase.text, old.name),
                _context(phrase, phrases, around),
                not phrase.types or old.type is None or old.type in phrase.types,
            )


def _context(phrase: Phrase, phrases: Sequence[Phrase], around: set[str]) -> int:
    """How many stretches of the text beside `phrase` name something around the commune."""
    return len({other.start for other in phrases if not other.overlaps(phrase) and other.fold in around})


def _district_fold(district: str) -> str:
    """The name of a district without "quận", "huyện", "thị xã" or "thành phố", folded."""
    words = search_fold(district).split()
    one_word = words[:1] in (["quan"], ["huyen"])
    return " ".join(words[1 if one_word else 2 :])


def _narrow(matches: list[_Match], *, with_marks: bool) -> list[_Match]:
    """Only those matches that nothing better speaks against."""
    if any(match.phrase.types for match in matches):
        matches = [match for match in matches if match.phrase.types]
    most = max((match.context for match in matches), default=0)
    matches = [match for match in matches if match.context == most]
    if with_marks and any(match.likeness <= Likeness.SAME_TONES for match in matches):
        matches = [match for match in matches if match.likeness <= Likeness.SAME_TONES]
    if any(match.right_type for match in matches):
        matches = [match for match in matches if match.right_type]
    longest = max((match.phrase.end - match.phrase.start for match in matches), default=0)
    return [match for match in matches if match.phrase.end - match.phrase.start == longest]


# -- following changes -------------------------------------------------------------------------------------------------


def _follow(session: Session, traces: Iterable[_Trace]) -> list[_Trace]:
    """Each trace followed through every later change, to all communes it led to."""
    moving, ended = list(traces), []
    for _ in range(_MOST_CHANGES):
        if not moving:
            break
        changes = session.execute(
            _old_communes().where(
                UnitChange.old_code.in_({trace.code for trace in moving}), UnitChange.changed_on <= clock.today()
            )
        ).all()
        next_moves: list[_Trace] = []
        for trace in moving:
            later = [row for row in changes if row.old_code == trace.code and row.changed_on > trace.since]
            if not later:
                ended.append(trace)
                continue
            first_on = min(row.changed_on for row in later)
            next_moves += [_moved(trace, row) for row in later if row.changed_on == first_on]
        moving = next_moves
    return ended


def _moved(trace: _Trace, row: Columns) -> _Trace:
    here = _trace_of(row)
    if trace.old is None:
        return here
    kind = ChangeKind.PART if ChangeKind.PART in {trace.kind, here.kind} else ChangeKind.WHOLE
    return _Trace(here.code, here.since, kind, here.changed_on, trace.old)


def _trace_of(row: Columns) -> _Trace:
    type_name = TYPE_NAMES[row.old_type] if row.old_type else None
    old = OldCommune(
        code=row.old_code,
        name=row.old_name,
        full_name=f"{type_name} {row.old_name}" if type_name else row.old_name,
        type=row.old_type,
        district=row.old_district,
        province_code=row.old_province_code,
        province_name=row.old_province_name,
    )
    return _Trace(row.new_code, row.changed_on, row.kind, row.changed_on, old)


def _old_communes() -> Select[*tuple[Any, ...]]:
    day_before = UnitChange.changed_on - 1
    return select(
        UnitChange.old_code,
        UnitChange.old_name,
        UnitChange.old_type,
        UnitChange.old_district,
        UnitChange.old_province_code,
        UnitChange.new_code,
        UnitChange.kind,
        UnitChange.changed_on,
        _former.name.label("old_province_name"),
    ).outerjoin(
        _former,
        and_(
            _former.level == UnitLevel.PROVINCE,
            _former.code == UnitChange.old_province_code,
            _former.valid_from <= day_before,
            _former.valid_to >= day_before,
        ),
    )


def _units_of_today(session: Session, codes: set[str], area: str | None) -> dict[str, Columns]:
    """The communes of today with these codes, inside the area's province if one is named."""
    statement = communes_of(clock.today()).where(Unit.code.in_(codes))
    if area is not None:
        statement = statement.where(Unit.parent_code == province_of(session, area))
    return {row.code: row for row in session.execute(statement)}


def _is_divided(candidates: Sequence[Candidate]) -> bool:
    # A part alone says that the rest went elsewhere, even when we do not know where.
    return any(candidate.kind is ChangeKind.PART for candidate in candidates)
