//! The whole node as one sans-IO state machine, and the published view that reads run on.
