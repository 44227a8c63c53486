//! Script: opcodes, engine, signature hashes, templates, text assembly.
