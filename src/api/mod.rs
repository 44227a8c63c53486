//! The call table: every call once, with its word, RPC name, help and schema.
