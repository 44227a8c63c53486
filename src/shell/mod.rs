//! The only room with sockets, threads and clocks.
