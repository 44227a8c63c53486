//! Unconfirmed transactions: policy and pool.
