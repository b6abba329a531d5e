"""Create organisations, their members and invitations; give machine clients an organisation and two credentials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0009'
down_revision = '0008'

ACCESS_ROLES = ('delegate', 'provider', 'clinic', 'school', 'tourism', 'operator', 'app')


def one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def record() -> list[sa.Column]:
    return [
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    ]


def upgrade() -> None:
    op.create_table('organisation',
    sa.Column('kind', one_of('organisationkind', 'provider', 'clinic', 'school_office', 'tourism_office', 'province'), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_en', sa.Text(), nullable=False),
    sa.Column('state', one_of('organisationstate', 'active', 'suspended'), nullable=False),
    sa.Column('provider_id', sa.Uuid(), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    *record(),
    sa.CheckConstraint("(kind = 'provider') = (provider_id IS NOT NULL)", name=op.f('ck_organisation_provider_is_named')),
    sa.CheckConstraint('version > 0', name=op.f('ck_organisation_version_is_positive')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation')),
    sa.UniqueConstraint('provider_id', name=op.f('uq_organisation_provider_id')),
    sa.UniqueConstraint('slug', name=op.f('uq_organisation_slug'))
    )
    op.create_table('membership',
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('roles', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    *record(),
    sa.CheckConstraint('jsonb_array_length(roles) > 0', name=op.f('ck_membership_has_a_role')),
    sa.CheckConstraint('version > 0', name=op.f('ck_membership_version_is_positive')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_membership_citizen_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_membership_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_membership'))
    )
    op.create_index('ix_membership_organisation', 'membership', ['organisation_id', 'id'], unique=False)
    op.create_index('uq_membership_live', 'membership', ['citizen_id', 'organisation_id'], unique=True, postgresql_where=sa.text('ended_at IS NULL'))
    op.create_table('member_event',
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('citizen_id', sa.Uuid(), nullable=True),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.Column('action', one_of('memberaction', 'invited', 'invitation_withdrawn', 'declined', 'joined', 'roles_changed', 'removed', 'left'), nullable=False),
    sa.Column('roles', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    *record(),
    sa.ForeignKeyConstraint(['actor_id'], ['citizen.id'], name=op.f('fk_member_event_actor_id')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_member_event_citizen_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_member_event_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_member_event'))
    )
    op.create_index(op.f('ix_member_event_citizen_id'), 'member_event', ['citizen_id'], unique=False)
    op.create_index('ix_member_event_organisation', 'member_event', ['organisation_id', 'id'], unique=False)
    op.create_table('invitation',
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('phone_index', sa.LargeBinary(), nullable=True),
    sa.Column('phone_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('roles', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_by', one_of('invitationend', 'accepted', 'declined', 'withdrawn', 'expired'), nullable=True),
    sa.Column('citizen_id', sa.Uuid(), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    *record(),
    sa.CheckConstraint('(ended_at IS NULL) = (ended_by IS NULL)', name=op.f('ck_invitation_end_has_a_reason')),
    sa.CheckConstraint('(ended_at IS NULL) = (phone_index IS NOT NULL)', name=op.f('ck_invitation_number_is_found_while_open')),
    sa.CheckConstraint('(ended_at IS NULL) = (phone_sealed IS NOT NULL)', name=op.f('ck_invitation_number_is_kept_while_open')),
    sa.CheckConstraint('citizen_id IS NULL OR ended_at IS NOT NULL', name=op.f('ck_invitation_answer_ends_it')),
    sa.CheckConstraint('jsonb_array_length(roles) > 0', name=op.f('ck_invitation_has_a_role')),
    sa.CheckConstraint('version > 0', name=op.f('ck_invitation_version_is_positive')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_invitation_citizen_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_invitation_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitation'))
    )
    op.create_index(op.f('ix_invitation_citizen_id'), 'invitation', ['citizen_id'], unique=False)
    op.create_index('ix_invitation_organisation', 'invitation', ['organisation_id', 'id'], unique=False)
    op.create_index('uq_invitation_open', 'invitation', ['phone_index', 'organisation_id'], unique=True, postgresql_where=sa.text('ended_at IS NULL'))

    # Every provider has its organisation, also one that is known by its machine client alone.
    op.execute("""
        INSERT INTO organisation (id, created_at, kind, slug, name_vi, name_en, state, provider_id, version)
        SELECT gen_random_uuid(), now(), 'provider', slug, name_vi, name_en, 'active', id, 1 FROM provider
    """)
    op.execute("""
        INSERT INTO organisation (id, created_at, kind, slug, name_vi, name_en, state, provider_id, version)
        SELECT DISTINCT ON (provider_id) gen_random_uuid(), now(), 'provider', 'provider-' || provider_id, name, name,
          'active', provider_id, 1
        FROM machine_client WHERE provider_id NOT IN (SELECT id FROM provider)
    """)

    # Machine clients
    op.create_table('client_credential',
    sa.Column('client_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.BigInteger(), nullable=False),
    sa.Column('kind', one_of('credentialkind', 'secret', 'key'), nullable=False),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=True),
    sa.Column('public_jwk', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    *record(),
    sa.CheckConstraint("CASE kind WHEN 'secret' THEN secret_hash IS NOT NULL AND public_jwk IS NULL ELSE secret_hash IS NULL AND public_jwk IS NOT NULL END", name=op.f('ck_client_credential_is_one_or_the_other')),
    sa.CheckConstraint('place BETWEEN 1 AND 2', name=op.f('ck_client_credential_place_in_bounds')),
    sa.ForeignKeyConstraint(['client_id'], ['machine_client.id'], name=op.f('fk_client_credential_client_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_client_credential'))
    )
    op.create_index('uq_client_credential_live', 'client_credential', ['client_id', 'place'], unique=True, postgresql_where=sa.text('withdrawn_at IS NULL'))
    op.execute("""
        INSERT INTO client_credential (id, created_at, client_id, place, kind, secret_hash)
        SELECT gen_random_uuid(), created_at, id, 1, 'secret', secret_hash FROM machine_client
    """)
    op.create_table('client_assertion',
    sa.Column('client_id', sa.Uuid(), nullable=False),
    sa.Column('jti_hash', sa.LargeBinary(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['client_id'], ['machine_client.id'], name=op.f('fk_client_assertion_client_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('client_id', 'jti_hash', name=op.f('pk_client_assertion'))
    )
    op.create_index(op.f('ix_client_assertion_expires_at'), 'client_assertion', ['expires_at'], unique=False)
    op.add_column('machine_client', sa.Column('organisation_id', sa.Uuid(), nullable=True))
    op.add_column('machine_client', sa.Column('version', sa.BigInteger(), nullable=False, server_default='1'))
    op.execute("""
        UPDATE machine_client SET organisation_id = organisation.id
        FROM organisation WHERE organisation.provider_id = machine_client.provider_id
    """)
    op.alter_column('machine_client', 'organisation_id', nullable=False)
    op.alter_column('machine_client', 'version', server_default=None)
    op.create_foreign_key(op.f('fk_machine_client_organisation_id'), 'machine_client', 'organisation', ['organisation_id'], ['id'])
    op.create_check_constraint(op.f('ck_machine_client_version_is_positive'), 'machine_client', 'version > 0')
    op.create_index(op.f('ix_machine_client_organisation_id'), 'machine_client', ['organisation_id'], unique=False)
    for column in ('role', 'provider_id', 'secret_hash'):
        op.drop_column('machine_client', column)  # with the constraints upon it

    # A tourism office may look at a citizen's data too.
    op.drop_constraint(op.f('ck_data_access_accessrole'), 'data_access')
    listed = ', '.join(f"'{role}'" for role in ACCESS_ROLES)
    op.create_check_constraint(op.f('ck_data_access_accessrole'), 'data_access', f'role IN ({listed})')
