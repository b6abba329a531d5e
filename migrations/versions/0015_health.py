"""Create clinics, their places and bookings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0015'
down_revision = '0014'


def upgrade() -> None:
    op.create_table('holiday',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('kind', sa.Enum('off', 'working', name='holidaykind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('as_weekday', sa.BigInteger(), nullable=True),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.CheckConstraint("(kind = 'working') = (as_weekday IS NOT NULL)", name=op.f('ck_holiday_working_as')),
    sa.CheckConstraint('as_weekday BETWEEN 1 AND 7', name=op.f('ck_holiday_weekday')),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_holiday'))
    )
    op.create_table('patient',
    sa.Column('no', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_patient')),
    sa.UniqueConstraint('no', name=op.f('uq_patient_no'))
    )
    op.create_table('facility',
    sa.Column('organisation_id', sa.Uuid(), nullable=True),
    sa.Column('source_key', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=True),
    sa.Column('former_names', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('ownership', sa.Enum('public', 'private', 'military', 'unknown', name='ownership', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('level', sa.Enum('initial', 'basic', 'specialised', name='facilitylevel', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('specialities', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('commune_code', sa.Text(), nullable=True),
    sa.Column('commune', sa.Text(), nullable=True),
    sa.Column('province_code', sa.Text(), nullable=True),
    sa.Column('province', sa.Text(), nullable=True),
    sa.Column('latitude', sa.Float(precision=53), nullable=True),
    sa.Column('longitude', sa.Float(precision=53), nullable=True),
    sa.Column('phones', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('website', sa.Text(), nullable=True),
    sa.Column('insurance', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('always_open', sa.Boolean(), nullable=False),
    sa.Column('search_fold', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(collation='C'), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('attribution', sa.Text(), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(latitude IS NULL) = (longitude IS NULL)', name=op.f('ck_facility_point')),
    sa.CheckConstraint('latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180', name=op.f('ck_facility_on_earth')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_facility_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_facility')),
    sa.UniqueConstraint('organisation_id', name=op.f('uq_facility_organisation_id')),
    sa.UniqueConstraint('source_key', name=op.f('uq_facility_source_key'))
    )
    op.create_index('ix_facility_commune', 'facility', ['commune_code'], unique=False)
    op.create_index('ix_facility_point', 'facility', ['latitude', 'longitude'], unique=False)
    op.create_index('ix_facility_province', 'facility', ['province_code', 'sort_key', 'id'], unique=False)
    op.create_index('ix_facility_sort', 'facility', ['sort_key', 'id'], unique=False)
    op.create_index('ix_facility_words', 'facility', [sa.literal_column("to_tsvector('simple', search_fold)")], unique=False, postgresql_using='gin')
    op.create_table('patient_key',
    sa.Column('key', sa.LargeBinary(), nullable=False),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_patient_key_patient_id')),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_patient_key'))
    )
    op.create_index(op.f('ix_patient_key_patient_id'), 'patient_key', ['patient_id'], unique=False)
    op.create_table('department',
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_department_facility_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_department')),
    sa.UniqueConstraint('facility_id', 'code', name=op.f('uq_department_facility_id_code'))
    )
    op.create_table('facility_hours',
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('weekday', sa.BigInteger(), nullable=False),
    sa.Column('opens', sa.Time(), nullable=False),
    sa.Column('closes', sa.Time(), nullable=False),
    sa.CheckConstraint('opens < closes', name=op.f('ck_facility_hours_order')),
    sa.CheckConstraint('weekday BETWEEN 1 AND 7', name=op.f('ck_facility_hours_weekday')),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_facility_hours_facility_id')),
    sa.PrimaryKeyConstraint('facility_id', 'weekday', 'opens', name=op.f('pk_facility_hours'))
    )
    op.create_table('practitioner',
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('no', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=True),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('gender', sa.Text(), nullable=True),
    sa.Column('specialities', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_practitioner_facility_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_practitioner')),
    sa.UniqueConstraint('no', name=op.f('uq_practitioner_no'))
    )
    op.create_index(op.f('ix_practitioner_facility_id'), 'practitioner', ['facility_id'], unique=False)
    op.create_table('service',
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('department_id', sa.Uuid(), nullable=True),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('speciality', sa.Enum('general', 'children', 'women', 'eyes', 'traditional', 'cancer', 'mental', 'teeth', 'lungs', 'skin', 'rehabilitation', 'heart', 'ear_nose_throat', 'bones', name='speciality', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('duration_minutes', sa.BigInteger(), nullable=False),
    sa.Column('lead_minutes', sa.BigInteger(), nullable=False),
    sa.Column('horizon_days', sa.BigInteger(), nullable=False),
    sa.Column('cancel_minutes', sa.BigInteger(), nullable=False),
    sa.Column('min_age', sa.BigInteger(), nullable=True),
    sa.Column('max_age', sa.BigInteger(), nullable=True),
    sa.Column('needs_referral', sa.Boolean(), nullable=False),
    sa.Column('fee_vnd', sa.BigInteger(), nullable=True),
    sa.Column('deposit_vnd', sa.BigInteger(), nullable=True),
    sa.Column('bring_vi', sa.Text(), nullable=True),
    sa.Column('bring_en', sa.Text(), nullable=True),
    sa.Column('is_open', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('deposit_vnd BETWEEN 1 AND fee_vnd', name=op.f('ck_service_deposit')),
    sa.CheckConstraint('duration_minutes BETWEEN 1 AND 480', name=op.f('ck_service_duration')),
    sa.CheckConstraint('fee_vnd BETWEEN 1 AND 99999999999', name=op.f('ck_service_fee')),
    sa.CheckConstraint('horizon_days BETWEEN 1 AND 120', name=op.f('ck_service_horizon')),
    sa.CheckConstraint('lead_minutes >= 0 AND cancel_minutes >= 0', name=op.f('ck_service_minutes')),
    sa.CheckConstraint('min_age <= max_age', name=op.f('ck_service_ages')),
    sa.ForeignKeyConstraint(['department_id'], ['department.id'], name=op.f('fk_service_department_id')),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_service_facility_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service')),
    sa.UniqueConstraint('facility_id', 'code', name=op.f('uq_service_facility_id_code'))
    )
    op.create_index('ix_service_speciality', 'service', ['speciality'], unique=False)
    op.create_table('clinic_day',
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('opened_by', sa.Uuid(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('turn', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('turn >= 0', name=op.f('ck_clinic_day_turn')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_clinic_day_service_id')),
    sa.PrimaryKeyConstraint('service_id', 'day', name=op.f('pk_clinic_day'))
    )
    op.create_table('queue_lane',
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('kind', sa.Enum('priority', 'appointment', 'walk_in', name='lanekind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('last_number', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('last_number >= 0', name=op.f('ck_queue_lane_numbers')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_queue_lane_service_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_queue_lane')),
    sa.UniqueConstraint('service_id', 'day', 'kind', name=op.f('uq_queue_lane_service_id_day_kind'))
    )
    op.create_table('schedule_exception',
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('service_id', sa.Uuid(), nullable=True),
    sa.Column('practitioner_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sa.Enum('closed', 'extra', 'capacity', name='exceptionkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('from_on', sa.Date(), nullable=False),
    sa.Column('to_on', sa.Date(), nullable=False),
    sa.Column('opens', sa.Time(), nullable=True),
    sa.Column('closes', sa.Time(), nullable=True),
    sa.Column('slot_minutes', sa.BigInteger(), nullable=True),
    sa.Column('capacity', sa.BigInteger(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("kind <> 'extra' OR (opens IS NOT NULL AND closes IS NOT NULL AND slot_minutes IS NOT NULL)", name=op.f('ck_schedule_exception_extra_says_when')),
    sa.CheckConstraint("kind = 'closed' OR (service_id IS NOT NULL AND capacity IS NOT NULL)", name=op.f('ck_schedule_exception_says_how_many')),
    sa.CheckConstraint('capacity BETWEEN 1 AND 500', name=op.f('ck_schedule_exception_capacity')),
    sa.CheckConstraint('from_on <= to_on', name=op.f('ck_schedule_exception_days')),
    sa.CheckConstraint('opens < closes', name=op.f('ck_schedule_exception_hours')),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_schedule_exception_facility_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_schedule_exception_practitioner_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_schedule_exception_service_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_schedule_exception'))
    )
    op.create_index('ix_schedule_exception_facility', 'schedule_exception', ['facility_id', 'from_on'], unique=False)
    op.create_table('schedule_rule',
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('practitioner_id', sa.Uuid(), nullable=True),
    sa.Column('weekday', sa.BigInteger(), nullable=False),
    sa.Column('opens', sa.Time(), nullable=False),
    sa.Column('closes', sa.Time(), nullable=False),
    sa.Column('slot_minutes', sa.BigInteger(), nullable=False),
    sa.Column('capacity', sa.BigInteger(), nullable=False),
    sa.Column('kept', sa.BigInteger(), nullable=False),
    sa.Column('release_days', sa.BigInteger(), nullable=False),
    sa.Column('release_time', sa.Time(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_to', sa.Date(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('capacity BETWEEN 1 AND 500', name=op.f('ck_schedule_rule_capacity')),
    sa.CheckConstraint('kept >= 0 AND kept < capacity', name=op.f('ck_schedule_rule_kept')),
    sa.CheckConstraint('opens < closes', name=op.f('ck_schedule_rule_hours')),
    sa.CheckConstraint('release_days BETWEEN 0 AND 120', name=op.f('ck_schedule_rule_release')),
    sa.CheckConstraint('slot_minutes BETWEEN 5 AND 480', name=op.f('ck_schedule_rule_minutes')),
    sa.CheckConstraint('valid_from <= valid_to', name=op.f('ck_schedule_rule_days')),
    sa.CheckConstraint('weekday BETWEEN 1 AND 7', name=op.f('ck_schedule_rule_weekday')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_schedule_rule_practitioner_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_schedule_rule_service_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_schedule_rule'))
    )
    op.create_index('ix_schedule_rule_service', 'schedule_rule', ['service_id', 'valid_from'], unique=False)
    op.create_table('slot',
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('practitioner_id', sa.Uuid(), nullable=True),
    sa.Column('practitioner_no', sa.BigInteger(), nullable=True),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('release_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closes_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('capacity', sa.BigInteger(), nullable=False),
    sa.Column('kept', sa.BigInteger(), nullable=False),
    sa.Column('taken', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('open', 'withdrawn', name='slotstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    postgresql.ExcludeConstraint((sa.text("int8range(practitioner_no, practitioner_no, '[]')"), '&&'), (sa.text('tstzrange(starts_at, ends_at)'), '&&'), where=sa.text('practitioner_no IS NOT NULL AND taken > 0'), using='gist', name='ex_slot_practitioner_busy'),
    sa.CheckConstraint('(practitioner_id IS NULL) = (practitioner_no IS NULL)', name=op.f('ck_slot_practitioner')),
    sa.CheckConstraint('kept >= 0', name=op.f('ck_slot_kept')),
    sa.CheckConstraint('starts_at < ends_at', name=op.f('ck_slot_order')),
    sa.CheckConstraint('taken BETWEEN 0 AND capacity', name=op.f('ck_slot_taken')),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_slot_facility_id')),
    sa.ForeignKeyConstraint(['practitioner_id'], ['practitioner.id'], name=op.f('fk_slot_practitioner_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_slot_service_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_slot')),
    sa.UniqueConstraint('service_id', 'practitioner_id', 'starts_at', name=op.f('uq_slot_service_id_practitioner_id_starts_at'), postgresql_nulls_not_distinct=True)
    )
    op.create_index('ix_slot_day', 'slot', ['service_id', 'day', 'starts_at', 'id'], unique=False)
    op.create_index('ix_slot_facility', 'slot', ['facility_id', 'starts_at'], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_table('waitlist_entry',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=True),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('patient_no', sa.BigInteger(), nullable=False),
    sa.Column('patient_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('from_on', sa.Date(), nullable=False),
    sa.Column('to_on', sa.Date(), nullable=False),
    sa.Column('part', sa.Enum('any', 'morning', 'afternoon', name='daypart', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('queued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'offered', 'placed', 'withdrawn', 'exhausted', 'expired', name='waitstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('offers', sa.BigInteger(), nullable=False),
    sa.Column('missed', sa.BigInteger(), nullable=False),
    sa.Column('last_slot_id', sa.Uuid(), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('from_on <= to_on', name=op.f('ck_waitlist_entry_days')),
    sa.CheckConstraint('offers BETWEEN 0 AND 3', name=op.f('ck_waitlist_entry_offers')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_waitlist_entry_patient_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_waitlist_entry_service_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_waitlist_entry'))
    )
    op.create_index('ix_waitlist_entry_citizen', 'waitlist_entry', ['citizen_id', 'id'], unique=False)
    op.create_index('ix_waitlist_entry_next', 'waitlist_entry', ['service_id', 'queued_at', 'id'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_index('uq_waitlist_entry_live', 'waitlist_entry', ['patient_id', 'service_id'], unique=True, postgresql_where=sa.text("state IN ('waiting', 'offered')"))
    op.create_table('booking',
    sa.Column('hold_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.BigInteger(), nullable=False),
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=True),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('patient_no', sa.BigInteger(), nullable=False),
    sa.Column('patient_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('slot_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.Enum('held', 'booked', 'checked_in', 'called', 'in_service', 'seen', 'expired', 'cancelled_by_citizen', 'cancelled_by_clinic', 'no_show', 'unknown', 'left_without_being_seen', name='bookingstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('hold_expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('is_extended', sa.Boolean(), nullable=False),
    sa.Column('offer', sa.Enum('waitlist', 'move', name='offer', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('waitlist_entry_id', sa.Uuid(), nullable=True),
    sa.Column('replaces_id', sa.Uuid(), nullable=True),
    sa.Column('moves', sa.BigInteger(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('priority_group', sa.Enum('emergency', 'under_six', 'pregnant', 'severe_disability', 'seventy_five', 'merit', name='prioritygroup', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('reconfirm_by', sa.DateTime(timezone=True), nullable=True),
    sa.Column('code_misses', sa.BigInteger(), nullable=False),
    sa.Column('code_locked_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('appealed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('appeal', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    postgresql.ExcludeConstraint((sa.text("int8range(patient_no, patient_no, '[]')"), '&&'), (sa.text('tstzrange(starts_at, ends_at)'), '&&'), where=sa.text("state IN ('held', 'booked', 'checked_in', 'called', 'in_service')"), using='gist', name='ex_booking_patient_busy'),
    sa.CheckConstraint("(state = 'held') <= (hold_expires_at IS NOT NULL)", name=op.f('ck_booking_holds_end')),
    sa.CheckConstraint('moves BETWEEN 0 AND 2', name=op.f('ck_booking_moves')),
    sa.CheckConstraint('version > 0 AND sequence >= 0 AND place >= 0 AND code_misses >= 0', name=op.f('ck_booking_counts')),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_booking_facility_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_booking_patient_id')),
    sa.ForeignKeyConstraint(['replaces_id'], ['booking.id'], name=op.f('fk_booking_replaces_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_booking_service_id')),
    sa.ForeignKeyConstraint(['slot_id'], ['slot.id'], name=op.f('fk_booking_slot_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_booking'))
    )
    op.create_index('ix_booking_citizen', 'booking', ['citizen_id', 'id'], unique=False)
    op.create_index('ix_booking_day', 'booking', ['service_id', 'day', 'starts_at', 'id'], unique=False)
    op.create_index('ix_booking_hold', 'booking', ['hold_id', 'place'], unique=False)
    op.create_index('ix_booking_lapse', 'booking', ['hold_expires_at'], unique=False, postgresql_where=sa.text("state = 'held'"))
    op.create_index('ix_booking_patient', 'booking', ['patient_id'], unique=False, postgresql_where=sa.text("state IN ('held', 'booked', 'checked_in', 'called', 'in_service')"))
    op.create_index('ix_booking_slot', 'booking', ['slot_id'], unique=False)
    op.create_index('uq_booking_hold_account', 'booking', ['citizen_id', 'place'], unique=True, postgresql_where=sa.text("state = 'held' AND offer IS NULL"))
    op.create_index('uq_booking_hold_patient', 'booking', ['patient_id'], unique=True, postgresql_where=sa.text("state = 'held' AND offer IS NULL"))
    op.create_index('uq_booking_live_day', 'booking', ['patient_id', 'service_id', 'day'], unique=True, postgresql_where=sa.text("state IN ('held', 'booked', 'checked_in', 'called', 'in_service')"))
    op.create_table('booking_event',
    sa.Column('booking_id', sa.Uuid(), nullable=False),
    sa.Column('step', sa.Text(), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('detail', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['booking_id'], ['booking.id'], name=op.f('fk_booking_event_booking_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_booking_event'))
    )
    op.create_index('ix_booking_event_booking', 'booking_event', ['booking_id', 'id'], unique=False)
    op.create_table('move_task',
    sa.Column('booking_id', sa.Uuid(), nullable=False),
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('cause', sa.Enum('schedule', 'clinic', name='movecause', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('open', 'offered', 'moved', 'declined', 'gave_up', name='movestate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('offered_id', sa.Uuid(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['booking_id'], ['booking.id'], name=op.f('fk_move_task_booking_id')),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_move_task_facility_id')),
    sa.ForeignKeyConstraint(['offered_id'], ['booking.id'], name=op.f('fk_move_task_offered_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_move_task_service_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_move_task'))
    )
    op.create_index('ix_move_task_open', 'move_task', ['service_id', 'id'], unique=False, postgresql_where=sa.text("state IN ('open', 'offered')"))
    op.create_index('uq_move_task_open', 'move_task', ['booking_id'], unique=True, postgresql_where=sa.text("state IN ('open', 'offered')"))
    op.create_table('queue_ticket',
    sa.Column('lane_id', sa.Uuid(), nullable=False),
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('rank', sa.BigInteger(), nullable=False),
    sa.Column('booking_id', sa.Uuid(), nullable=True),
    sa.Column('priority_group', sa.Enum('emergency', 'under_six', 'pregnant', 'severe_disability', 'seventy_five', 'merit', name='prioritygroup', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('state', sa.Enum('waiting', 'called', 'in_service', 'done', 'left', name='ticketstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('skips', sa.BigInteger(), nullable=False),
    sa.Column('called_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('is_told', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('number > 0', name=op.f('ck_queue_ticket_number')),
    sa.CheckConstraint('skips BETWEEN 0 AND 2', name=op.f('ck_queue_ticket_skips')),
    sa.ForeignKeyConstraint(['booking_id'], ['booking.id'], name=op.f('fk_queue_ticket_booking_id')),
    sa.ForeignKeyConstraint(['lane_id'], ['queue_lane.id'], name=op.f('fk_queue_ticket_lane_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_queue_ticket_service_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_queue_ticket')),
    sa.UniqueConstraint('booking_id', name=op.f('uq_queue_ticket_booking_id')),
    sa.UniqueConstraint('lane_id', 'number', name=op.f('uq_queue_ticket_lane_id_number'))
    )
    op.create_index('ix_queue_ticket_day', 'queue_ticket', ['service_id', 'day', 'called_at'], unique=False)
    op.create_index('ix_queue_ticket_waiting', 'queue_ticket', ['lane_id', 'rank', 'number'], unique=False, postgresql_where=sa.text("state = 'waiting'"))
    op.create_table('reminder',
    sa.Column('booking_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('two_days', 'three_hours', 'soon', name='reminderkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.Enum('due', 'sent', 'dropped', name='reminderstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['booking_id'], ['booking.id'], name=op.f('fk_reminder_booking_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reminder')),
    sa.UniqueConstraint('booking_id', 'kind', 'due_at', name=op.f('uq_reminder_booking_id_kind_due_at'))
    )
    op.create_index('ix_reminder_due', 'reminder', ['due_at'], unique=False, postgresql_where=sa.text("state = 'due'"))
    op.create_table('deposit',
    sa.Column('booking_id', sa.Uuid(), nullable=False),
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('amount_vnd', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Enum('paying', 'paid', 'ended', 'returned', name='depositstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('state_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_vnd BETWEEN 1 AND 99999999999', name=op.f('ck_deposit_amount')),
    sa.CheckConstraint("(state = 'returned') = (reason IS NOT NULL)", name=op.f('ck_deposit_returned_for_a_reason')),
    sa.ForeignKeyConstraint(['booking_id'], ['booking.id'], name=op.f('fk_deposit_booking_id')),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_deposit_facility_id')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_deposit_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deposit'))
    )
    op.create_index('uq_deposit_live', 'deposit', ['booking_id'], unique=True, postgresql_where=sa.text("state IN ('paying', 'paid')"))
    op.create_index('ix_deposit_booking', 'deposit', ['booking_id'], unique=False)
    op.create_index('ix_deposit_payment', 'deposit', ['payment_id'], unique=False)
    op.create_index('ix_deposit_returned', 'deposit', ['facility_id', 'id'], unique=False, postgresql_where=sa.text("state = 'returned'"))
    # The inbox learns of visits.
    op.drop_constraint(op.f('ck_message_messagekind'), 'message')
    op.create_check_constraint(op.f('ck_message_messagekind'), 'message', "kind IN ('bills_paid', 'payment_ended', 'bills_returned', 'new_device', 'session_closed', 'passkey_added', 'app_allowed', 'mandate_accepted', 'mandate_revoked', 'school_round', 'school_gone', 'open_day_cancelled', 'automatic_announced', 'automatic_left', 'tickets_ready', 'tickets_returned', 'visit_reminder', 'turn_near', 'place_offered', 'place_missed', 'visit_cancelled')")
