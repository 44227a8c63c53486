//! The header tree, the coins and the best chain over the store.
