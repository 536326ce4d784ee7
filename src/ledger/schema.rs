//! The ledger's file: its name, its marks, its tables.

/// The file's name in the data directory.
pub const FILE_NAME: &str = "ledger.db";
/// SQLite's `application_id` of a ledger: "DBST".
pub const APPLICATION_ID: i32 = 0x4442_5354;
/// SQLite's `user_version`: which tables there are.
pub const SCHEMA_VERSION: i32 = 1;
/// The tables.
pub(super) const SCHEMA: &str = include_str!("schema.sql");
