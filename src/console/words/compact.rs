//! `compact`: the chain's file made as small as what it holds.

use serde_json::json;

use super::{CONSOLE, ConsoleWord};
use crate::console::host::{ConsoleHost, throw_of};
use crate::console::sandbox::Capability;
use forth2012::host::HostContext;
use rpc::error::{CallError, ErrorKind};
use store::db::{Store, StoreOptions};

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[ConsoleWord {
    name: "compact",
    effect: "( -- )",
    help: "Compact the chain's database file; only in a fresh console, and while no node runs on the data folder.",
    example: "compact",
    group: CONSOLE,
    twin: None,
    capability: Capability::NodeChange,
    run: |console, context| console.compact(context).map_err(throw_of),
}];

impl ConsoleHost {
    /// Makes the chain's file as small as what it holds.
    pub(in crate::console) fn compact(
        &mut self,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        if self.config.offline || self.config.readonly || self.config.service.attach.is_some() {
            let why = "--offline, --readonly and --attach compact nothing";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        if self.is_open() {
            let why = "this console has the folder open: say compact in a fresh one";
            return Err(CallError::new(ErrorKind::Rejected, why));
        }
        let options = StoreOptions {
            no_script_index: self.config.no_address_index,
            ..StoreOptions::default()
        };
        let mut store = Store::open(&self.config.data_folder(), self.config.params, options)?;
        let before = store.size_on_disk();
        if before > 0 {
            store.compact()?;
        }
        let path = store.path().to_owned();
        drop(store);
        let after = std::fs::metadata(path).map_or(0, |file| file.len());
        let shown = json!({
            "bytes_before": before,
            "bytes": after,
            "freed": before.saturating_sub(after),
        });
        self.show_value(&shown, context)
    }
}
