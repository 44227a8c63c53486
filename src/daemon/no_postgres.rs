//! What stands in for rows in PostgreSQL where the program was built without them.

use std::sync::Arc;

use super::actor::Handle;
use super::upkeep::Upkeep;
use crate::config::Config;
use rpc::error::{CallError, ErrorKind};

/// None can run.
pub enum Exporter {}

impl Exporter {
    /// An error if rows are asked for.
    pub fn start(
        config: &Config,
        _: Handle,
        _: &Arc<Upkeep>,
    ) -> Result<Option<Exporter>, CallError> {
        if !config.service.postgres.is_on() {
            return Ok(None);
        }
        let why = "this program was built without PostgreSQL, so --metrics-postgres writes nothing: \
                   build it with scripts/build --features postgres, or leave the option out";
        Err(CallError::new(ErrorKind::Rejected, why))
    }

    pub fn stop(self) {
        match self {}
    }
}
