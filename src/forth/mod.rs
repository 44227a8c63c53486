//! The Forth machine (Forth-2012): knows no Bitcoin, no files, no terminal, only `trait Host`.
