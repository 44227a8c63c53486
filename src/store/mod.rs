//! redb tables, the database and its migrations.
