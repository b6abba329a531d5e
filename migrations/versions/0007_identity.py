"""Give sessions an assurance and keys a life; create passkeys and linked identities."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0007'
down_revision = '0006'


def one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=False, length=32)


def one_of_check(table: str, column: str, name: str, *values: str) -> None:
    listed = ', '.join(f"'{value}'" for value in values)
    op.create_check_constraint(op.f(f'ck_{table}_{name}'), table, f'{column} IN ({listed})')


LEVELS = ('phone', 'passkey', 'identity')


def upgrade() -> None:
    # Sessions
    levels = one_of('assurance', *LEVELS)
    op.add_column('sign_in_session', sa.Column('assurance', levels, nullable=False, server_default='phone'))
    op.add_column('sign_in_session', sa.Column('authenticated_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('sign_in_session', sa.Column('known_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('sign_in_session', sa.Column('opened_by_passkey_id', sa.Uuid(), nullable=True))
    op.add_column('sign_in_session', sa.Column('raised_by_passkey_id', sa.Uuid(), nullable=True))
    op.add_column('sign_in_session', sa.Column('version', sa.BigInteger(), nullable=False, server_default='1'))
    op.execute('UPDATE sign_in_session SET authenticated_at = created_at, known_since = created_at')
    op.alter_column('sign_in_session', 'authenticated_at', nullable=False)
    op.alter_column('sign_in_session', 'known_since', nullable=False)
    op.alter_column('sign_in_session', 'assurance', server_default=None)
    op.alter_column('sign_in_session', 'version', server_default=None)
    one_of_check('sign_in_session', 'assurance', 'assurance', *LEVELS)
    op.create_check_constraint(op.f('ck_sign_in_session_version_is_positive'), 'sign_in_session', 'version > 0')
    op.create_index(
        'ix_sign_in_session_ended_at', 'sign_in_session', ['ended_at'], postgresql_where=sa.text('ended_at IS NOT NULL')
    )
    op.drop_constraint(op.f('ck_sign_in_session_sessionend'), 'sign_in_session')
    ends = ('signed_out', 'ended_elsewhere', 'token_reused', 'passkey_removed')
    one_of_check('sign_in_session', 'ended_by', 'sessionend', *ends)

    # Budgets that are given back may be empty
    op.drop_constraint(op.f('ck_challenge_budget_spent_is_positive'), 'challenge_budget')
    op.create_check_constraint(op.f('ck_challenge_budget_spent_is_not_negative'), 'challenge_budget', 'spent >= 0')

    # Signing keys
    states = ('published', 'active', 'retiring', 'withdrawn')
    op.add_column('signing_key', sa.Column('state', one_of('keystate', *states), nullable=True))
    op.add_column('signing_key', sa.Column('state_since', sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE signing_key SET state = CASE WHEN retired_at IS NULL THEN 'active' ELSE 'withdrawn' END,"
        " state_since = coalesce(retired_at, created_at)"
    )
    op.alter_column('signing_key', 'state', nullable=False)
    op.alter_column('signing_key', 'state_since', nullable=False)
    one_of_check('signing_key', 'state', 'keystate', *states)
    op.drop_column('signing_key', 'retired_at')

    # Passkeys
    op.create_table('passkey',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('credential_id', sa.LargeBinary(), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('user_handle', sa.LargeBinary(), nullable=False),
    sa.Column('sign_count', sa.BigInteger(), nullable=False),
    sa.Column('transports', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('is_synced', sa.Boolean(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('known_since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('sign_count >= 0', name=op.f('ck_passkey_sign_count_is_not_negative')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_passkey_citizen_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_passkey')),
    sa.UniqueConstraint('credential_id', name=op.f('uq_passkey_credential_id'))
    )
    op.create_index(op.f('ix_passkey_citizen_id'), 'passkey', ['citizen_id'])
    op.create_table('passkey_challenge',
    sa.Column('use', sa.Enum('register', 'sign_in', 'step_up', name='passkeyuse', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('session_id', sa.Uuid(), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('spent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(use = 'sign_in') = (session_id IS NULL)", name=op.f('ck_passkey_challenge_use_has_a_session')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_passkey_challenge'))
    )
    op.create_index('ix_passkey_challenge_created_at', 'passkey_challenge', ['created_at'])

    # National identity
    op.create_table('linked_identity',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('issuer', sa.Text(), nullable=False),
    sa.Column('subject_index', sa.LargeBinary(), nullable=False),
    sa.Column('level', sa.Text(), nullable=False),
    sa.Column('verified_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_linked_identity_citizen_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_linked_identity')),
    sa.UniqueConstraint('issuer', 'subject_index', name='uq_linked_identity_account'),
    sa.UniqueConstraint('citizen_id', 'issuer', name='uq_linked_identity_citizen')
    )
    op.create_table('identity_attempt',
    sa.Column('session_id', sa.Uuid(), nullable=True),
    sa.Column('redirect_uri', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('spent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_identity_attempt'))
    )
    op.create_index('ix_identity_attempt_created_at', 'identity_attempt', ['created_at'])
    op.add_column('citizen', sa.Column('joined_into', sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f('fk_citizen_joined_into'), 'citizen', 'citizen', ['joined_into'], ['id'])
