"""Create the inbox and its devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0006'
down_revision = '0005'


def upgrade() -> None:
    op.create_table('device',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('address_kind', sa.Enum('token', 'fid', name='addresskind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('platform', sa.Enum('android', 'ios', 'web', name='platform', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('language', sa.Enum('vi', 'en', name='language', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('registered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('version > 0', name=op.f('ck_device_version_is_positive')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_device_citizen_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_device')),
    sa.UniqueConstraint('address', name=op.f('uq_device_address'))
    )
    op.create_index(op.f('ix_device_citizen_id'), 'device', ['citizen_id'], unique=False)
    op.create_table('message',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('bills_paid', 'payment_ended', 'bills_returned', name='messagekind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('params', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('version > 0', name=op.f('ck_message_version_is_positive')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_message_citizen_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message')),
    sa.UniqueConstraint('citizen_id', 'kind', 'subject_id', name=op.f('uq_message_citizen_id_kind_subject_id'))
    )
    op.create_index('ix_message_inbox', 'message', ['citizen_id', 'id'], unique=False)
    op.create_index('ix_message_unread', 'message', ['citizen_id', 'id'], unique=False, postgresql_where=sa.text('read_at IS NULL'))
    op.create_table('push',
    sa.Column('message_id', sa.Uuid(), nullable=False),
    sa.Column('device_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Enum('due', 'sent', 'failed', name='pushstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('attempts', sa.BigInteger(), nullable=False),
    sa.Column('tried_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('attempts >= 0', name=op.f('ck_push_attempts_are_counted')),
    sa.ForeignKeyConstraint(['device_id'], ['device.id'], name=op.f('fk_push_device_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['message_id'], ['message.id'], name=op.f('fk_push_message_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('message_id', 'device_id', name=op.f('pk_push'))
    )
    op.create_index(op.f('ix_push_device_id'), 'push', ['device_id'], unique=False)
