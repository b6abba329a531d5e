"""Seal citizens' numbers in the vault, and keep them in clear nowhere."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
revision = '0008'
# Until the revision before it is here, this one follows 0006.
down_revision = '0007' if list(Path(__file__).parent.glob('0007_*.py')) else '0006'


def upgrade() -> None:
    op.create_table('vault_key',
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('master_id', sa.Text(), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('owner_id', name=op.f('pk_vault_key'))
    )
    op.create_index(op.f('ix_vault_key_master_id'), 'vault_key', ['master_id'], unique=False)
    op.create_table('vault_entry',
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('field', sa.Text(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('proved_by', sa.Text(), nullable=True),
    sa.Column('lookup', sa.LargeBinary(), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('lookup IS NULL OR proved_by IS NOT NULL', name=op.f('ck_vault_entry_lookup_is_proved')),
    sa.ForeignKeyConstraint(['owner_id'], ['vault_key.owner_id'], name=op.f('fk_vault_entry_owner_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('owner_id', 'field', name=op.f('pk_vault_entry'))
    )
    op.create_index('uq_vault_entry_lookup', 'vault_entry', ['field', 'lookup'], unique=True, postgresql_where=sa.text('lookup IS NOT NULL'))
    # A migration has no keys, so a number that stands in clear can't be sealed here. Nothing has been released: whoever
    # signed in to a development database signs in again, and is a new citizen there.
    op.execute('DELETE FROM refresh_token')
    op.execute('DELETE FROM sign_in_session')
    op.execute('DELETE FROM phone_challenge')
    op.execute('DELETE FROM citizen')  # takes devices and messages with it
    op.drop_column('citizen', 'phone')
    op.add_column('citizen', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
    op.drop_column('phone_challenge', 'phone')
    op.add_column('phone_challenge', sa.Column('phone_sealed', sa.LargeBinary(), nullable=False))
