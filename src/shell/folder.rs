//! The data folder, held by one process at a time.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use crate::api::error::{CallError, ErrorKind};
use crate::config::{Config, HOLDER_FILE};
use crate::store::db::{Store, StoreOptions};
use crate::store::error::StoreError;

/// The data folder, held by this process until dropped.
pub struct Held {
    pub store: Arc<Store>,
    pub config: Config,
}

/// Opens the store of the folder, made if absent; `None` while another process holds it.
pub fn hold(config: &Config) -> Result<Option<Held>, CallError> {
    let folder = config.data_folder();
    make_folder(&folder)?;
    match Store::open(&folder, config.params, StoreOptions::default()) {
        Ok(store) => {
            // Only for the message that another process shows.
            let _ = fs::write(folder.join(HOLDER_FILE), format!("{}\n", std::process::id()));
            Ok(Some(Held { store: Arc::new(store), config: config.clone() }))
        }
        Err(StoreError::InUse { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn make_folder(folder: &Path) -> Result<(), CallError> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| {
        let folder = folder.display();
        CallError::new(
            ErrorKind::Store,
            format!("the data folder {folder} can't be made: {e}; name another with --datadir"),
        )
    })
}

/// The error that says who holds the folder.
pub fn in_use(config: &Config) -> CallError {
    let folder = config.data_folder();
    let holder = fs::read_to_string(folder.join(HOLDER_FILE)).unwrap_or_default();
    let who = match holder.trim() {
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    let folder = folder.display();
    CallError::new(
        ErrorKind::NoNode,
        format!(
            "{who} holds the data folder {folder}: stop it, or name another folder with --datadir"
        ),
    )
}
