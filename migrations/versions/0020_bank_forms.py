"""Read banks' statements by their own forms, and count what became of every line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0020'
down_revision = '0019'


def upgrade() -> None:
    op.create_table('bank_form',
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_by', sa.Uuid(), nullable=True),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_bank_form'))
    )
    op.add_column('bank_statement', sa.Column('layout', sa.Text(), nullable=True))
    op.add_column('bank_statement', sa.Column('balanced', sa.Boolean(), server_default=sa.text('true'), nullable=False))
    for name in ('read', 'accepted', 'known', 'refused'):
        op.add_column('bank_statement', sa.Column(name, sa.BigInteger(), server_default=sa.text('0'), nullable=False))
    op.add_column('bank_statement', sa.Column('errors', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False))
    op.add_column('bank_statement', sa.Column('run_id', sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f('fk_bank_statement_run_id'), 'bank_statement', 'match_run', ['run_id'], ['id'])
    op.create_check_constraint(op.f('ck_bank_statement_no_line_is_lost'), 'bank_statement', 'accepted + refused = read AND known <= accepted')
    op.create_index('ix_bank_line_booked_on', 'bank_line', ['booked_on'], unique=False)
