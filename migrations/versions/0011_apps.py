"""Create apps of others, what citizens are asked and what they allow; let the access log name an app's look."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0011'
down_revision = '0010'

STATES = ('submitted', 'approved', 'refused', 'suspended', 'withdrawn')
DECISIONS = ('approve', 'refuse', 'suspend', 'reinstate')
ENDS = (
    'withdrawn', 'returned', 'code_misused', 'code_replayed', 'token_misused', 'token_reused', 'citizen_gone',
)
PURPOSES = (
    'mandate', 'app', 'billing', 'citizen_request', 'care', 'schooling', 'complaint', 'security', 'legal_order',
)


def one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    json = postgresql.JSONB(astext_type=sa.Text())
    instant = sa.DateTime(timezone=True)
    op.create_table('app',
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('owner_name', sa.Text(), nullable=False),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('homepage', sa.Text(), nullable=False),
    sa.Column('redirect_uris', json, nullable=False),
    sa.Column('scopes', json, nullable=False),
    sa.Column('is_confidential', sa.Boolean(), nullable=False),
    sa.Column('state', one_of('appstate', *STATES), nullable=False),
    sa.Column('state_since', instant, nullable=False),
    sa.Column('approved_at', instant, nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=True),
    sa.Column('former_secret_hash', sa.LargeBinary(), nullable=True),
    sa.Column('former_secret_ends_at', instant, nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', instant, nullable=False),
    sa.CheckConstraint('jsonb_array_length(redirect_uris) > 0', name=op.f('ck_app_leads_somewhere')),
    sa.CheckConstraint('jsonb_array_length(scopes) > 0', name=op.f('ck_app_asks_for_something')),
    sa.CheckConstraint("state NOT IN ('refused', 'suspended') OR reason IS NOT NULL", name=op.f('ck_app_reason_is_told')),
    sa.CheckConstraint('is_confidential OR secret_hash IS NULL', name=op.f('ck_app_public_has_no_secret')),
    sa.CheckConstraint('(former_secret_hash IS NULL) = (former_secret_ends_at IS NULL)', name=op.f('ck_app_former_secret_has_an_end')),
    sa.CheckConstraint('version > 0', name=op.f('ck_app_version_is_positive')),
    sa.ForeignKeyConstraint(['owner_id'], ['citizen.id'], name=op.f('fk_app_owner_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_app'))
    )
    op.create_index(op.f('ix_app_owner_id'), 'app', ['owner_id'], unique=False)
    op.create_index('ix_app_state', 'app', ['state', 'id'], unique=False)
    op.create_table('app_review',
    sa.Column('app_id', sa.Uuid(), nullable=False),
    sa.Column('reviewer_id', sa.Uuid(), nullable=True),
    sa.Column('decision', one_of('review', *DECISIONS), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', instant, nullable=False),
    sa.ForeignKeyConstraint(['app_id'], ['app.id'], name=op.f('fk_app_review_app_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_app_review'))
    )
    op.create_index(op.f('ix_app_review_app_id'), 'app_review', ['app_id'], unique=False)
    op.create_table('authorization_request',
    sa.Column('app_id', sa.Uuid(), nullable=False),
    sa.Column('redirect_uri', sa.Text(), nullable=False),
    sa.Column('scopes', json, nullable=False),
    sa.Column('state', sa.Text(), nullable=True),
    sa.Column('code_challenge', sa.Text(), nullable=False),
    sa.Column('language', one_of('language', 'vi', 'en'), nullable=False),
    sa.Column('browser_hash', sa.LargeBinary(), nullable=False),
    sa.Column('expires_at', instant, nullable=False),
    sa.Column('challenge_id', sa.Uuid(), nullable=True),
    sa.Column('citizen_id', sa.Uuid(), nullable=True),
    sa.Column('proved_at', instant, nullable=True),
    sa.Column('decided_at', instant, nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', instant, nullable=False),
    sa.CheckConstraint('(citizen_id IS NULL) = (proved_at IS NULL)', name=op.f('ck_authorization_request_citizen_was_proved')),
    sa.ForeignKeyConstraint(['app_id'], ['app.id'], name=op.f('fk_authorization_request_app_id')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_authorization_request_citizen_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_authorization_request'))
    )
    op.create_index('ix_authorization_request_created_at', 'authorization_request', ['created_at'], unique=False)
    op.create_index(op.f('ix_authorization_request_citizen_id'), 'authorization_request', ['citizen_id'], unique=False)
    op.create_table('app_grant',
    sa.Column('app_id', sa.Uuid(), nullable=False),
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('scopes', json, nullable=False),
    sa.Column('text_version', sa.BigInteger(), nullable=False),
    sa.Column('language', one_of('language', 'vi', 'en'), nullable=False),
    sa.Column('redirect_uri', sa.Text(), nullable=False),
    sa.Column('code_hash', sa.LargeBinary(), nullable=False),
    sa.Column('code_challenge', sa.Text(), nullable=False),
    sa.Column('code_expires_at', instant, nullable=False),
    sa.Column('code_spent_at', instant, nullable=True),
    sa.Column('used_at', instant, nullable=True),
    sa.Column('ends_at', instant, nullable=False),
    sa.Column('ended_at', instant, nullable=True),
    sa.Column('ended_by', one_of('grantend', *ENDS), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', instant, nullable=False),
    sa.CheckConstraint('(ended_at IS NULL) = (ended_by IS NULL)', name=op.f('ck_app_grant_end_has_a_reason')),
    sa.CheckConstraint('created_at < ends_at', name=op.f('ck_app_grant_ends_after_it_was_given')),
    sa.ForeignKeyConstraint(['app_id'], ['app.id'], name=op.f('fk_app_grant_app_id')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_app_grant_citizen_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_app_grant')),
    sa.UniqueConstraint('code_hash', name=op.f('uq_app_grant_code_hash'))
    )
    op.create_index(op.f('ix_app_grant_app_id'), 'app_grant', ['app_id'], unique=False)
    op.create_index('ix_app_grant_citizen', 'app_grant', ['citizen_id', 'app_id'], unique=False)
    op.create_index('ix_app_grant_unspent', 'app_grant', ['created_at'], unique=False, postgresql_where=sa.text('code_spent_at IS NULL'))
    op.create_table('app_refresh_token',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('grant_id', sa.Uuid(), nullable=False),
    sa.Column('expires_at', instant, nullable=False),
    sa.Column('spent_at', instant, nullable=True),
    sa.ForeignKeyConstraint(['grant_id'], ['app_grant.id'], name=op.f('fk_app_refresh_token_grant_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_app_refresh_token'))
    )
    op.create_index(op.f('ix_app_refresh_token_grant_id'), 'app_refresh_token', ['grant_id'], unique=False)
    op.create_index(op.f('ix_app_refresh_token_spent_at'), 'app_refresh_token', ['spent_at'], unique=False)
    op.create_index('uq_app_refresh_token_live', 'app_refresh_token', ['grant_id'], unique=True, postgresql_where=sa.text('spent_at IS NULL'))
    op.create_table('app_user',
    sa.Column('app_id', sa.Uuid(), nullable=False),
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('alias', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['app_id'], ['app.id'], name=op.f('fk_app_user_app_id')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_app_user_citizen_id')),
    sa.PrimaryKeyConstraint('app_id', 'citizen_id', name=op.f('pk_app_user')),
    sa.UniqueConstraint('alias', name=op.f('uq_app_user_alias'))
    )
    op.create_index(op.f('ix_app_user_citizen_id'), 'app_user', ['citizen_id'], unique=False)
    # The access log
    op.drop_constraint(op.f('ck_data_access_accesspurpose'), 'data_access')
    listed = ', '.join(f"'{purpose}'" for purpose in PURPOSES)
    op.create_check_constraint(op.f('ck_data_access_accesspurpose'), 'data_access', f'purpose IN ({listed})')
