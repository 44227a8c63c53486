//! Exports for other programs: the chain block by block, and addresses with what they hold. JSON
//! lines, or CSV when the file's name says so. A file that is there is never written over.

use std::fs::{self, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::with_path;
use super::{CONSOLE, ConsoleWord};
use crate::console::host::{ConsoleHost, file_error};
use crate::console::sandbox::Capability;
use forth2012::host::HostContext;
use rpc::error::{CallError, ErrorKind};
use rpc::table::calls;
use rpc::value::Json;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "export-chain-to",
        effect: "( c-addr u -- )",
        help: "Write every block's header and ids to the named new file: JSON lines, or CSV if the name ends in .csv.",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::Files,
        run: |console, context| with_path(console, context, ConsoleHost::export_chain),
    },
    ConsoleWord {
        name: "export-addresses-to",
        effect: "( c-addr u -- )",
        help: "Write the addresses and balances of the open wallet to the named new file; without a wallet, those of the whole chain.",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::Files,
        run: |console, context| with_path(console, context, ConsoleHost::export_addresses),
    },
];

/// Columns of a block in CSV, as `getblock` calls them.
const BLOCK_COLUMNS: &[&str] = &[
    "height",
    "hash",
    "previousblockhash",
    "merkleroot",
    "time",
    "mediantime",
    "version",
    "bits",
    "nonce",
    "difficulty",
    "chainwork",
    "nTx",
    "size",
    "strippedsize",
    "weight",
];

/// Columns of an address of the wallet, and of one of the chain.
const WALLET_COLUMNS: &[&str] = &["account", "branch", "index", "address", "balance", "coins"];
const CHAIN_COLUMNS: &[&str] = &["address", "script", "balance", "coins"];

/// A file that is being written, in one of two forms; it goes again unless it is finished.
struct Export<'a> {
    name: &'a str,
    /// The columns, for CSV.
    columns: Option<&'static [&'static str]>,
    out: BufWriter<fs::File>,
    rows: u64,
    finished: bool,
}

/// A member as a field of CSV (RFC 4180).
fn field(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

impl<'a> Export<'a> {
    fn new(name: &'a str, columns: &'static [&'static str]) -> Result<Export<'a>, CallError> {
        let file = OpenOptions::new().write(true).create_new(true).open(name);
        let file = file.map_err(|e| file_error("make", name, &e))?;
        let csv = Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
        let columns = csv.then_some(columns);
        let out = BufWriter::new(file);
        let mut export = Export { name, columns, out, rows: 0, finished: false };
        if let Some(columns) = columns {
            export.line(&columns.join(","))?;
        }
        Ok(export)
    }

    fn line(&mut self, text: &str) -> Result<(), CallError> {
        writeln!(self.out, "{text}").map_err(|e| file_error("write", self.name, &e))
    }

    fn row(&mut self, row: &Value) -> Result<(), CallError> {
        self.rows += 1;
        match self.columns {
            None => self.line(&row.to_string()),
            Some(columns) => {
                let fields: Vec<String> =
                    columns.iter().map(|column| field(row.get(*column))).collect();
                self.line(&fields.join(","))
            }
        }
    }

    /// The file is whole and on the disk; the rows in it.
    fn finish(mut self) -> Result<u64, CallError> {
        let failed = |e: std::io::Error| file_error("write", self.name, &e);
        self.out.flush().and_then(|()| self.out.get_ref().sync_all()).map_err(failed)?;
        self.finished = true;
        Ok(self.rows)
    }
}

impl Drop for Export<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // Half an export is of no use.
            let _ = fs::remove_file(self.name);
        }
    }
}

fn interrupted() -> CallError {
    CallError::new(ErrorKind::Interrupted, "export stopped; no file was written")
}

impl ConsoleHost {
    /// Every block of the best chain, the first one included, without its transactions' bodies.
    pub(in crate::console) fn export_chain(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let last = u64::from(self.call_node::<calls::GetHeight>(Vec::new())?.0);
        let mut export = Export::new(name, BLOCK_COLUMNS)?;
        let mut progress = self.progress("blocks");
        let interrupt = context.interrupt();
        for height in 0..=last {
            if interrupt.load(Ordering::Relaxed) {
                progress.done();
                return Err(interrupted());
            }
            let mut block = self.ask("getblock", vec![json!(height), json!(1)])?;
            if let Value::Object(block) = &mut block {
                // They are of the moment, not of the block.
                block.retain(|name, _| name != "confirmations");
            }
            export.row(&block)?;
            progress.show(height, height, last);
        }
        progress.done();
        let rows = export.finish()?;
        self.show_value(&json!({ "blocks": rows, "file": name }), context)
    }

    /// The addresses of the open wallet that were given out; without a wallet, every address of
    /// the chain that holds coins.
    pub(in crate::console) fn export_addresses(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let (rows, of) = match self.wallet.is_open() {
            true => (self.export_wallet(name)?, "wallet"),
            false => (self.export_holders(name, context)?, "chain"),
        };
        self.show_value(&json!({ "addresses": rows, "of": of, "file": name }), context)
    }

    fn export_wallet(&mut self, name: &str) -> Result<u64, CallError> {
        let list = self.lend_to_wallet(|wallet, services| wallet.addresses(services));
        let mut export = Export::new(name, WALLET_COLUMNS)?;
        for row in list? {
            export.row(&row)?;
        }
        export.finish()
    }

    fn export_holders(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<u64, CallError> {
        let mut export = Export::new(name, CHAIN_COLUMNS)?;
        let mut progress = self.progress("addresses");
        let interrupt = context.interrupt();
        let mut after = None;
        loop {
            if interrupt.load(Ordering::Relaxed) {
                progress.done();
                return Err(interrupted());
            }
            let params = vec![Value::Null, json!(after)];
            let Json(page) = self.call_node::<calls::ListHolders>(params)?;
            for row in &page.list {
                export.row(&json!(row))?;
            }
            // Pages go through the ids in order, so the next one says how far it is.
            let Some(next) = page.next else { break };
            let part = u64::from_str_radix(next.0.get(..4).unwrap_or("0"), 16).unwrap_or(0);
            after = Some(next);
            progress.show(export.rows, part, 0xffff);
        }
        progress.done();
        export.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_csv() {
        assert_eq!(field(Some(&json!("a,b\"c"))), "\"a,b\"\"c\"");
        assert_eq!(field(Some(&json!(7))), "7");
        assert_eq!((field(None), field(Some(&Value::Null))), (String::new(), String::new()));
    }
}
