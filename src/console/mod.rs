//! Words over a door, evaluation of `-e` and files, and the REPL.
