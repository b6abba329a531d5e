"""Create schools, admissions, parents' lists and the school office."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0012'
down_revision = '0011'


def upgrade() -> None:
    op.create_table('school',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('proposed', 'open', 'closing', 'closed', 'merged', name='schoolstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('is_listed', sa.Boolean(), nullable=False),
    sa.Column('moet_code', sa.Text(), nullable=True),
    sa.Column('opened_on', sa.Date(), nullable=True),
    sa.Column('closed_on', sa.Date(), nullable=True),
    sa.Column('successor_id', sa.Uuid(), nullable=True),
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('province_name', sa.Text(), nullable=False),
    sa.Column('commune_code', sa.Text(), nullable=False),
    sa.Column('commune_name', sa.Text(), nullable=False),
    sa.Column('standard_until', sa.Date(), nullable=True),
    sa.Column('lat', sa.Double(), nullable=True),
    sa.Column('lon', sa.Double(), nullable=True),
    sa.Column('level_order', sa.SmallInteger(), nullable=False),
    sa.Column('sort_key', sa.Text(collation='C'), nullable=False),
    sa.Column('tags', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('words', postgresql.TSVECTOR(), nullable=False),
    sa.Column('facts', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('card', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state = 'merged') <= (successor_id IS NOT NULL)", name=op.f('ck_school_merged_into_another')),
    sa.CheckConstraint('(lat IS NULL) = (lon IS NULL)', name=op.f('ck_school_whole_point')),
    sa.CheckConstraint('closed_on >= opened_on', name=op.f('ck_school_closed_after_it_opened')),
    sa.CheckConstraint('lat BETWEEN 6 AND 24 AND lon BETWEEN 102 AND 118', name=op.f('ck_school_point_in_vietnam')),
    sa.CheckConstraint('successor_id <> id', name=op.f('ck_school_not_its_own_successor')),
    sa.CheckConstraint('version > 0', name=op.f('ck_school_version_is_positive')),
    sa.ForeignKeyConstraint(['successor_id'], ['school.id'], name=op.f('fk_school_successor_id'), initially='DEFERRED', deferrable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_school'))
    )
    op.create_index('ix_school_commune', 'school', ['commune_code', 'sort_key', 'id'], unique=False, postgresql_where=sa.text('is_listed'))
    op.create_index('ix_school_listed', 'school', ['sort_key', 'id'], unique=False, postgresql_where=sa.text('is_listed'))
    op.create_index('ix_school_province', 'school', ['province_code', 'sort_key', 'id'], unique=False, postgresql_where=sa.text('is_listed'))
    op.create_index('ix_school_spot', 'school', [sa.literal_column('point(lon, lat)')], unique=False, postgresql_using='gist', postgresql_where=sa.text('is_listed'))
    op.create_index('ix_school_successor', 'school', ['successor_id'], unique=False, postgresql_where=sa.text('successor_id IS NOT NULL'))
    op.create_index('ix_school_tags', 'school', ['tags'], unique=False, postgresql_using='gin', postgresql_where=sa.text('is_listed'))
    op.create_index('ix_school_words', 'school', ['words'], unique=False, postgresql_using='gin', postgresql_where=sa.text('is_listed'))
    op.create_index('uq_school_moet_code', 'school', ['moet_code'], unique=True, postgresql_where=sa.text('moet_code IS NOT NULL'))
    op.create_table('school_feed',
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('forgotten_seq', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('province_code', name=op.f('pk_school_feed'))
    )
    op.create_table('school_snapshot',
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('schools', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('bytes_plain', sa.BigInteger(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_school_snapshot')),
    sa.UniqueConstraint('province_code', 'seq', name=op.f('uq_school_snapshot_province_code_seq'))
    )
    op.create_table('school_word',
    sa.Column('word', sa.Text(), nullable=False),
    sa.Column('uses', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('word', name=op.f('pk_school_word'))
    )
    op.create_table('admission_round',
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('commune_code', sa.Text(), nullable=True),
    sa.Column('school_id', sa.Uuid(), nullable=True),
    sa.Column('school_year', sa.BigInteger(), nullable=False),
    sa.Column('level', sa.Enum('primary', 'lower_secondary', 'upper_secondary', 'kindergarten', 'nursery', 'continuing', name='level', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('grade', sa.BigInteger(), nullable=True),
    sa.Column('age_from', sa.BigInteger(), nullable=False),
    sa.Column('age_to', sa.BigInteger(), nullable=False),
    sa.Column('channel', sa.Enum('online', 'in_person', 'private', name='channel', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('opens_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closes_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('result_on', sa.Date(), nullable=True),
    sa.Column('papers', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('criteria', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('source_on', sa.Date(), nullable=False),
    sa.Column('is_example', sa.Boolean(), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('dates_version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('age_from BETWEEN 0 AND age_to AND age_to <= 20', name=op.f('ck_admission_round_ages')),
    sa.CheckConstraint('opens_at < closes_at', name=op.f('ck_admission_round_opens_before_it_closes')),
    sa.CheckConstraint('school_id IS NULL OR commune_code IS NULL', name=op.f('ck_admission_round_one_scope')),
    sa.ForeignKeyConstraint(['school_id'], ['school.id'], name=op.f('fk_admission_round_school_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_admission_round'))
    )
    op.create_index('ix_admission_round_province', 'admission_round', ['province_code', 'closes_at'], unique=False)
    op.create_index('ix_admission_round_school', 'admission_round', ['school_id'], unique=False, postgresql_where=sa.text('school_id IS NOT NULL'))
    op.create_table('open_day',
    sa.Column('school_id', sa.Uuid(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('campus', sa.Text(), nullable=False),
    sa.Column('places', sa.BigInteger(), nullable=False),
    sa.Column('taken', sa.BigInteger(), nullable=False),
    sa.Column('cancelled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('starts_at < ends_at', name=op.f('ck_open_day_starts_before_it_ends')),
    sa.CheckConstraint('taken BETWEEN 0 AND places', name=op.f('ck_open_day_never_overfull')),
    sa.ForeignKeyConstraint(['school_id'], ['school.id'], name=op.f('fk_open_day_school_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_open_day'))
    )
    op.create_index('ix_open_day_school', 'open_day', ['school_id', 'starts_at'], unique=False)
    op.create_table('school_change',
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('school_id', sa.Uuid(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Enum('put', 'remove', name='changekind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['province_code'], ['school_feed.province_code'], name=op.f('fk_school_change_province_code')),
    sa.ForeignKeyConstraint(['school_id'], ['school.id'], name=op.f('fk_school_change_school_id')),
    sa.PrimaryKeyConstraint('province_code', 'school_id', name=op.f('pk_school_change'))
    )
    op.create_index('uq_school_change_seq', 'school_change', ['province_code', 'seq'], unique=True)
    op.create_table('school_import',
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('format', sa.Text(), nullable=False),
    sa.Column('what', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('proposed_by', sa.Uuid(), nullable=False),
    sa.Column('lines', sa.BigInteger(), nullable=False),
    sa.Column('changed', sa.BigInteger(), nullable=False),
    sa.Column('unchanged', sa.BigInteger(), nullable=False),
    sa.Column('refused', sa.BigInteger(), nullable=False),
    sa.Column('errors', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_school_import_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_school_import'))
    )
    op.create_index(op.f('ix_school_import_organisation_id'), 'school_import', ['organisation_id'], unique=False)
    op.create_table('school_name',
    sa.Column('school_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.SmallInteger(), nullable=False),
    sa.Column('is_former', sa.Boolean(), nullable=False),
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.Column('commune_code', sa.Text(), nullable=False),
    sa.Column('tags', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('lat', sa.Double(), nullable=True),
    sa.Column('lon', sa.Double(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('spelled', sa.Text(), nullable=False),
    sa.Column('toneless', sa.Text(), nullable=False),
    sa.Column('folded', sa.Text(), nullable=False),
    sa.Column('level_order', sa.SmallInteger(), nullable=False),
    sa.ForeignKeyConstraint(['school_id'], ['school.id'], name=op.f('fk_school_name_school_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('school_id', 'place', name=op.f('pk_school_name'))
    )
    op.create_index('ix_school_name_folded', 'school_name', ['folded', 'level_order', 'school_id'], unique=False, postgresql_ops={'folded': 'text_pattern_ops'})
    op.create_index('ix_school_name_province', 'school_name', ['province_code', 'folded', 'level_order', 'school_id'], unique=False, postgresql_ops={'folded': 'text_pattern_ops'})
    op.create_table('school_near_word',
    sa.Column('variant', sa.Text(), nullable=False),
    sa.Column('word', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['word'], ['school_word.word'], name=op.f('fk_school_near_word_word'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('variant', 'word', name=op.f('pk_school_near_word'))
    )
    op.create_table('school_office',
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('province_code', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_school_office_organisation_id')),
    sa.PrimaryKeyConstraint('organisation_id', 'province_code', name=op.f('pk_school_office'))
    )
    op.create_table('school_revision',
    sa.Column('school_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('before', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('after', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('proposed_by', sa.Uuid(), nullable=True),
    sa.Column('approved_by', sa.Uuid(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['school_id'], ['school.id'], name=op.f('fk_school_revision_school_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_school_revision')),
    sa.UniqueConstraint('school_id', 'version', name=op.f('uq_school_revision_school_id_version'))
    )
    op.create_table('admission_quota',
    sa.Column('round_id', sa.Uuid(), nullable=False),
    sa.Column('school_id', sa.Uuid(), nullable=False),
    sa.Column('classes', sa.BigInteger(), nullable=True),
    sa.Column('seats', sa.BigInteger(), nullable=False),
    sa.Column('supplementary_seats', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('classes >= 0 AND seats >= 0 AND supplementary_seats >= 0', name=op.f('ck_admission_quota_not_negative')),
    sa.ForeignKeyConstraint(['round_id'], ['admission_round.id'], name=op.f('fk_admission_quota_round_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['school_id'], ['school.id'], name=op.f('fk_admission_quota_school_id')),
    sa.PrimaryKeyConstraint('round_id', 'school_id', name=op.f('pk_admission_quota'))
    )
    op.create_index(op.f('ix_admission_quota_school_id'), 'admission_quota', ['school_id'], unique=False)
    op.create_table('round_reminder',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('round_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('papers', 'soon', 'open', 'last_day', 'changed', name='reminderkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('dates_version', sa.BigInteger(), nullable=False),
    sa.Column('is_told', sa.Boolean(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_round_reminder_citizen_id')),
    sa.ForeignKeyConstraint(['round_id'], ['admission_round.id'], name=op.f('fk_round_reminder_round_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_round_reminder')),
    sa.UniqueConstraint('citizen_id', 'round_id', 'kind', 'dates_version', name=op.f('uq_round_reminder_citizen_id_round_id_kind_dates_version'))
    )
    op.create_index(op.f('ix_round_reminder_round_id'), 'round_reminder', ['round_id'], unique=False)
    op.create_table('saved_school',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=True),
    sa.Column('school_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('version > 0', name=op.f('ck_saved_school_version_is_positive')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_saved_school_citizen_id')),
    sa.ForeignKeyConstraint(['member_id'], ['household_member.id'], name=op.f('fk_saved_school_member_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['school_id'], ['school.id'], name=op.f('fk_saved_school_school_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_school'))
    )
    op.create_index(op.f('ix_saved_school_member_id'), 'saved_school', ['member_id'], unique=False)
    op.create_index('ix_saved_school_school', 'saved_school', ['school_id'], unique=False)
    op.create_index('uq_saved_school', 'saved_school', ['citizen_id', 'school_id', sa.literal_column('coalesce(member_id, citizen_id)')], unique=True)
    op.create_table('school_proposal',
    sa.Column('organisation_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Enum('school', 'round', 'zones', 'open_day', name='proposalkind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('school_id', sa.Uuid(), nullable=True),
    sa.Column('subject_id', sa.Uuid(), nullable=True),
    sa.Column('base_version', sa.BigInteger(), nullable=True),
    sa.Column('changes', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('proposed_by', sa.Uuid(), nullable=False),
    sa.Column('import_id', sa.Uuid(), nullable=True),
    sa.Column('state', sa.Enum('proposed', 'approved', 'refused', 'withdrawn', name='proposalstate', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('decided_by', sa.Uuid(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decision_note', sa.Text(), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(state IN ('approved', 'refused')) = (decided_by IS NOT NULL)", name=op.f('ck_school_proposal_decision_has_an_author')),
    sa.CheckConstraint('decided_by <> proposed_by', name=op.f('ck_school_proposal_two_pairs_of_eyes')),
    sa.CheckConstraint('version > 0', name=op.f('ck_school_proposal_version_is_positive')),
    sa.ForeignKeyConstraint(['import_id'], ['school_import.id'], name=op.f('fk_school_proposal_import_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_school_proposal_organisation_id')),
    sa.ForeignKeyConstraint(['school_id'], ['school.id'], name=op.f('fk_school_proposal_school_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_school_proposal'))
    )
    op.create_index('ix_school_proposal_import', 'school_proposal', ['import_id'], unique=False, postgresql_where=sa.text('import_id IS NOT NULL'))
    op.create_index('ix_school_proposal_school', 'school_proposal', ['school_id', 'id'], unique=False, postgresql_where=sa.text('school_id IS NOT NULL'))
    op.create_index('ix_school_proposal_state', 'school_proposal', ['organisation_id', 'state', 'id'], unique=False)
    op.create_table('school_visit',
    sa.Column('citizen_id', sa.Uuid(), nullable=False),
    sa.Column('open_day_id', sa.Uuid(), nullable=False),
    sa.Column('people', sa.BigInteger(), nullable=False),
    sa.Column('cancelled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('people BETWEEN 1 AND 4', name=op.f('ck_school_visit_people_in_bounds')),
    sa.CheckConstraint('version > 0', name=op.f('ck_school_visit_version_is_positive')),
    sa.ForeignKeyConstraint(['citizen_id'], ['citizen.id'], name=op.f('fk_school_visit_citizen_id')),
    sa.ForeignKeyConstraint(['open_day_id'], ['open_day.id'], name=op.f('fk_school_visit_open_day_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_school_visit'))
    )
    op.create_index(op.f('ix_school_visit_open_day_id'), 'school_visit', ['open_day_id'], unique=False)
    op.create_index('uq_school_visit_live', 'school_visit', ['citizen_id', 'open_day_id'], unique=True, postgresql_where=sa.text('cancelled_at IS NULL'))
    op.create_table('catchment_zone',
    sa.Column('school_id', sa.Uuid(), nullable=False),
    sa.Column('level', sa.Enum('primary', 'lower_secondary', 'upper_secondary', 'kindergarten', 'nursery', 'continuing', name='level', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('school_year', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Enum('polygon', 'street', 'commune', name='zonekind', native_enum=False, create_constraint=True, length=32), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('priority', sa.BigInteger(), nullable=False),
    sa.Column('geometry', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('west', sa.Double(), nullable=True),
    sa.Column('south', sa.Double(), nullable=True),
    sa.Column('east', sa.Double(), nullable=True),
    sa.Column('north', sa.Double(), nullable=True),
    sa.Column('commune_code', sa.Text(), nullable=True),
    sa.Column('street', sa.Text(), nullable=True),
    sa.Column('street_folded', sa.Text(), nullable=True),
    sa.Column('number_from', sa.BigInteger(), nullable=True),
    sa.Column('number_to', sa.BigInteger(), nullable=True),
    sa.Column('parity', sa.Enum('both', 'odd', 'even', name='parity', native_enum=False, create_constraint=True, length=32), nullable=True),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('source_on', sa.Date(), nullable=False),
    sa.Column('proposal_id', sa.Uuid(), nullable=True),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('replaced_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("(kind = 'polygon') = (commune_code IS NULL)", name=op.f('ck_catchment_zone_other_kinds_name_a_commune')),
    sa.CheckConstraint("(kind = 'polygon') = (geometry IS NOT NULL)", name=op.f('ck_catchment_zone_polygon_has_a_shape')),
    sa.CheckConstraint("(kind = 'street') = (street_folded IS NOT NULL)", name=op.f('ck_catchment_zone_street_has_a_name')),
    sa.CheckConstraint('number_from <= number_to', name=op.f('ck_catchment_zone_numbers_rise')),
    sa.ForeignKeyConstraint(['proposal_id'], ['school_proposal.id'], name=op.f('fk_catchment_zone_proposal_id')),
    sa.ForeignKeyConstraint(['school_id'], ['school.id'], name=op.f('fk_catchment_zone_school_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_catchment_zone'))
    )
    op.create_index('ix_catchment_zone_box', 'catchment_zone', [sa.literal_column('box(point(west, south), point(east, north))')], unique=False, postgresql_using='gist', postgresql_where=sa.text("kind = 'polygon'"))
    op.create_index('ix_catchment_zone_commune', 'catchment_zone', ['commune_code'], unique=False, postgresql_where=sa.text('commune_code IS NOT NULL'))
    op.create_index(op.f('ix_catchment_zone_proposal_id'), 'catchment_zone', ['proposal_id'], unique=False)
    op.create_index('ix_catchment_zone_school', 'catchment_zone', ['school_id', 'school_year', 'level'], unique=False)

    # Notifications learn to speak of schools.
    kinds = (
        'bills_paid', 'payment_ended', 'bills_returned', 'new_device', 'session_closed', 'passkey_added', 'app_allowed',
        'mandate_accepted', 'mandate_revoked', 'school_round', 'school_gone', 'open_day_cancelled',
    )
    op.execute('ALTER TABLE message DROP CONSTRAINT ck_message_messagekind')
    op.execute(f'ALTER TABLE message ADD CONSTRAINT ck_message_messagekind CHECK (kind IN {kinds})')
