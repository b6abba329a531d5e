"""Draw the places of a day by lot."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0016'
down_revision = '0015'


def upgrade() -> None:
    op.create_table('draw',
    sa.Column('facility_id', sa.Uuid(), nullable=False),
    sa.Column('service_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('opens_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closes_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('announced_by', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Enum('announced', 'drawn', 'done', 'cancelled', name='drawstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('seed_hash', sa.Text(), nullable=False),
    sa.Column('seed', sa.LargeBinary(), nullable=False),
    sa.Column('shown_seed', sa.Text(), nullable=True),
    sa.Column('list_hash', sa.Text(), nullable=True),
    sa.Column('tickets', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('outcomes', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('drawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('opens_at < closes_at', name=op.f('ck_draw_order')),
    sa.CheckConstraint("(state IN ('drawn', 'done')) = (shown_seed IS NOT NULL AND list_hash IS NOT NULL AND tickets IS NOT NULL AND drawn_at IS NOT NULL)", name=op.f('ck_draw_shown')),
    sa.CheckConstraint("(state = 'done') = (outcomes IS NOT NULL AND done_at IS NOT NULL)", name=op.f('ck_draw_told')),
    sa.ForeignKeyConstraint(['facility_id'], ['facility.id'], name=op.f('fk_draw_facility_id')),
    sa.ForeignKeyConstraint(['service_id'], ['service.id'], name=op.f('fk_draw_service_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_draw'))
    )
    op.create_index('ix_draw_due', 'draw', ['closes_at'], unique=False, postgresql_where=sa.text("state IN ('announced', 'drawn')"))
    op.create_index('uq_draw_day', 'draw', ['service_id', 'day'], unique=True, postgresql_where=sa.text("state <> 'cancelled'"))
    op.create_table('draw_request',
    sa.Column('draw_id', sa.Uuid(), nullable=False),
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=True),
    sa.Column('patient_id', sa.Uuid(), nullable=False),
    sa.Column('patient_no', sa.BigInteger(), nullable=False),
    sa.Column('patient_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('ticket', sa.Text(), nullable=False),
    sa.Column('rank', sa.BigInteger(), nullable=True),
    sa.Column('state', sa.Enum('entered', 'withdrawn', 'won', 'lost', 'passed_over', name='drawoutcome', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('booking_id', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'won') = (booking_id IS NOT NULL)", name=op.f('ck_draw_request_winners_have_places')),
    sa.ForeignKeyConstraint(['booking_id'], ['booking.id'], name=op.f('fk_draw_request_booking_id')),
    sa.ForeignKeyConstraint(['draw_id'], ['draw.id'], name=op.f('fk_draw_request_draw_id')),
    sa.ForeignKeyConstraint(['patient_id'], ['patient.id'], name=op.f('fk_draw_request_patient_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_draw_request')),
    sa.UniqueConstraint('ticket', name=op.f('uq_draw_request_ticket'))
    )
    op.create_index('ix_draw_request_citizen', 'draw_request', ['citizen_id', 'id'], unique=False)
    op.create_index('ix_draw_request_rank', 'draw_request', ['draw_id', 'rank'], unique=False)
    op.create_index('uq_draw_request_patient', 'draw_request', ['draw_id', 'patient_id'], unique=True, postgresql_where=sa.text("state <> 'withdrawn'"))
    # Other systems ask for the places of a span of time, wherever they are.
    op.create_index('ix_slot_time', 'slot', ['starts_at', 'id'], unique=False)
    # A place that was drawn is held like one that was waited for.
    op.drop_constraint(op.f('ck_booking_offer'), 'booking')
    op.create_check_constraint(op.f('ck_booking_offer'), 'booking', "offer IN ('waitlist', 'move', 'draw')")
    # The inbox learns of lots.
    op.drop_constraint(op.f('ck_message_messagekind'), 'message')
    op.create_check_constraint(op.f('ck_message_messagekind'), 'message', "kind IN ('bills_paid', 'payment_ended', 'bills_returned', 'new_device', 'session_closed', 'passkey_added', 'app_allowed', 'mandate_accepted', 'mandate_revoked', 'school_round', 'school_gone', 'open_day_cancelled', 'automatic_announced', 'automatic_left', 'tickets_ready', 'tickets_returned', 'visit_reminder', 'turn_near', 'place_offered', 'place_missed', 'visit_cancelled', 'draw_lost')")
