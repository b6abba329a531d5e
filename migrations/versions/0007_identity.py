"""Give sessions an assurance and keys a life."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

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
    one_of_check('sign_in_session', 'ended_by', 'sessionend', 'signed_out', 'ended_elsewhere', 'token_reused')

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
