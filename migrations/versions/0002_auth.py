"""Create citizens, sessions and keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.create_table('challenge_budget',
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('window_starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('spent', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('spent > 0', name=op.f('ck_challenge_budget_spent_is_positive')),
    sa.PrimaryKeyConstraint('subject', 'window_starts_at', name=op.f('pk_challenge_budget'))
    )
    op.create_index(op.f('ix_challenge_budget_window_starts_at'), 'challenge_budget', ['window_starts_at'], unique=False)
    op.create_table('citizen',
    sa.Column('phone', sa.Text(), nullable=False),
    sa.Column('language', sa.Enum('vi', 'en', name='language', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("phone ~ '^\\+84[0-9]{9}$'", name=op.f('ck_citizen_phone_is_e164')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_citizen')),
    sa.UniqueConstraint('phone', name=op.f('uq_citizen_phone'))
    )
    op.create_table('machine_client',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('role', sa.Enum('provider', name='machinerole', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('provider_id', sa.Uuid(), nullable=True),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
    sa.Column('scopes', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("role <> 'provider' OR provider_id IS NOT NULL", name=op.f('ck_machine_client_provider_is_named')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_machine_client'))
    )
    op.create_table('phone_challenge',
    sa.Column('phone', sa.Text(), nullable=False),
    sa.Column('language', sa.Enum('vi', 'en', name='language', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tries_left', sa.BigInteger(), nullable=False),
    sa.Column('spent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('tries_left BETWEEN 0 AND 5', name=op.f('ck_phone_challenge_tries_left_in_bounds')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_phone_challenge'))
    )
    op.create_index('ix_phone_challenge_created_at', 'phone_challenge', ['created_at'], unique=False)
    op.create_table('signing_key',
    sa.Column('kid', sa.Text(), nullable=False),
    sa.Column('public_jwk', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('kid', name=op.f('pk_signing_key'))
    )
    op.create_table('sign_in_session',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('device_name', sa.Text(), nullable=True),
    sa.Column('refreshed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', sa.Enum('signed_out', 'token_reused', name='sessionend', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(ended_at IS NULL) = (ended_by IS NULL)', name=op.f('ck_sign_in_session_end_has_a_reason')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_sign_in_session_citizen_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_session'))
    )
    op.create_index(op.f('ix_sign_in_session_citizen_id'), 'sign_in_session', ['citizen_id'], unique=False)
    op.create_index(op.f('ix_sign_in_session_refreshed_at'), 'sign_in_session', ['refreshed_at'], unique=False)
    op.create_table('refresh_token',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('spent_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['session_id'], ['sign_in_session.id'], name=op.f('fk_refresh_token_session_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_refresh_token'))
    )
    op.create_index(op.f('ix_refresh_token_session_id'), 'refresh_token', ['session_id'], unique=False)
    op.create_index(op.f('ix_refresh_token_spent_at'), 'refresh_token', ['spent_at'], unique=False)
    op.create_index('uq_refresh_token_live', 'refresh_token', ['session_id'], unique=True, postgresql_where=sa.text('spent_at IS NULL'))
