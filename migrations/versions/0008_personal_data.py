"""Seal citizens' numbers in the vault, and create what stands around personal data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0008'
down_revision = '0007'


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
    # Likewise what was hashed without a key, and the doors to the gateway that stood open in clear
    op.execute('DELETE FROM lookup')
    op.execute('DELETE FROM idempotency_key')
    for column in ('redirect_url', 'client_secret'):
        op.drop_column('payment', column)
        op.add_column('payment', sa.Column(column, sa.LargeBinary(), nullable=True))
    # Household, mandates, consents, requests, accesses
    op.create_table('household_member',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.BigInteger(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('verified_by', sa.Enum('declared', 'papers', 'national_identity', name='verification', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('place > 0', name=op.f('ck_household_member_place_is_positive')),
    sa.CheckConstraint('version > 0', name=op.f('ck_household_member_version_is_positive')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_household_member_citizen_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_household_member')),
    sa.UniqueConstraint('citizen_id', 'place', name=op.f('uq_household_member_citizen_id_place'))
    )
    op.create_table('mandate',
    sa.Column('principal_id', sa.Uuid(), nullable=False),
    sa.Column('agent_id', sa.Uuid(), nullable=True),
    sa.Column('scopes', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('code_hash', sa.LargeBinary(), nullable=False),
    sa.Column('offer_ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_by', sa.Enum('principal', 'agent', name='mandateend', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('(agent_id IS NULL) = (accepted_at IS NULL)', name=op.f('ck_mandate_accepted_by_its_agent')),
    sa.CheckConstraint('(revoked_at IS NULL) = (revoked_by IS NULL)', name=op.f('ck_mandate_end_has_an_author')),
    sa.CheckConstraint('agent_id IS NULL OR agent_id <> principal_id', name=op.f('ck_mandate_two_people')),
    sa.CheckConstraint('jsonb_array_length(scopes) > 0', name=op.f('ck_mandate_is_for_something')),
    sa.CheckConstraint('starts_at < ends_at', name=op.f('ck_mandate_ends_after_it_starts')),
    sa.CheckConstraint('version > 0', name=op.f('ck_mandate_version_is_positive')),
    sa.ForeignKeyConstraint(['agent_id'], ['citizen.id'], name=op.f('fk_mandate_agent_id')),
    sa.ForeignKeyConstraint(['principal_id'], ['citizen.id'], name=op.f('fk_mandate_principal_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mandate')),
    sa.UniqueConstraint('code_hash', name=op.f('uq_mandate_code_hash'))
    )
    op.create_index('ix_mandate_agent', 'mandate', ['agent_id', 'principal_id'], unique=False, postgresql_where=sa.text('agent_id IS NOT NULL'))
    op.create_index('ix_mandate_principal', 'mandate', ['principal_id', 'id'], unique=False)
    op.create_table('consent_event',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('text_version', sa.BigInteger(), nullable=False),
    sa.Column('action', sa.Enum('given', 'withdrawn', name='consentaction', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_consent_event_citizen_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent_event'))
    )
    op.create_index('ix_consent_event_citizen', 'consent_event', ['citizen_id', 'purpose', 'id'], unique=False)
    op.create_table('data_request',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('export', 'erase', name='requestkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('answer_due_on', sa.Date(), nullable=False),
    sa.Column('done_due_on', sa.Date(), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_data_request_citizen_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_data_request'))
    )
    op.create_index('ix_data_request_citizen', 'data_request', ['citizen_id', 'id'], unique=False)
    op.create_index('ix_data_request_due', 'data_request', ['done_due_on'], unique=False, postgresql_where=sa.text('done_at IS NULL'))
    op.create_table('data_access',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Enum('delegate', 'provider', 'clinic', 'school', 'operator', 'app', name='accessrole', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('organisation', sa.Text(), nullable=True),
    sa.Column('purpose', sa.Enum('mandate', 'billing', 'citizen_request', 'care', 'schooling', 'complaint', 'security', 'legal_order', name='accesspurpose', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('fields', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_data_access_citizen_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_data_access'))
    )
    op.create_index('ix_data_access_citizen', 'data_access', ['citizen_id', 'id'], unique=False)
    # The inbox tells of more
    kinds = (
        'bills_paid', 'payment_ended', 'bills_returned', 'new_device', 'session_closed', 'passkey_added',
        'app_allowed', 'mandate_accepted', 'mandate_revoked',
    )
    op.drop_constraint(op.f('ck_message_messagekind'), 'message')
    op.create_check_constraint(op.f('ck_message_messagekind'), 'message', f'kind IN {kinds}')
