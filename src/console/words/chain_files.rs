//! Blocks of the chain from files and into them.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::with_path;
use super::{CONSOLE, ConsoleWord};
use crate::console::host::{ConsoleHost, file_error};
use crate::console::sandbox::Capability;
use chain::import::{BlockFile, FileError, Place};
use forth2012::host::HostContext;
use primitives::hex;
use rpc::error::{CallError, ErrorKind};

/// Blocks of one request of an import, and their bytes together.
pub(super) const IMPORT_BLOCKS: usize = 1000;
pub(super) const IMPORT_BYTES: usize = 8 << 20;

/// Entries of the words.
pub const WORDS: &[ConsoleWord] = &[
    ConsoleWord {
        name: "import-blocks-from",
        effect: "( c-addr u -- )",
        help: "Import blocks from the named file, or from a Bitcoin Core blocks folder, where damaged and refused blocks are reported and skipped.",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeChange,
        run: |console, context| {
            with_path(console, context, |host, name, context| {
                host.import_blocks(name, false, context)
            })
        },
    },
    ConsoleWord {
        name: "import-blocks-strictly-from",
        effect: "( c-addr u -- )",
        help: "Import blocks from the named file or folder, up to the first that is damaged or refused.",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::NodeChange,
        run: |console, context| {
            with_path(console, context, |host, name, context| {
                host.import_blocks(name, true, context)
            })
        },
    },
    ConsoleWord {
        name: "export-blocks-to",
        effect: "( c-addr u -- )",
        help: "Write the best chain to the named file, one block in hex per line, starting with block 1.",
        example: "",
        group: CONSOLE,
        twin: None,
        capability: Capability::Files,
        run: |console, context| with_path(console, context, ConsoleHost::export_blocks),
    },
];

impl ConsoleHost {
    /// Sends the blocks of a file to the node in batches. Blocks that are known already are skipped,
    /// so that an interrupted import can be run again.
    fn import_blocks(
        &mut self,
        name: &str,
        strict: bool,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        if Path::new(name).is_dir() {
            return self.import_folder(name, strict, context);
        }
        let file = fs::File::open(name).map_err(|e| file_error("open", name, &e))?;
        let size = file.metadata().map_err(|e| file_error("read", name, &e))?.len();
        let mut blocks = BlockFile::new(file, self.config.params);
        let interrupt = context.interrupt();
        let mut progress = self.progress("blocks");
        let (mut accepted, mut known, mut height) = (0, 0, 0);
        let ended = loop {
            if interrupt.load(Ordering::Relaxed) {
                break Err((ErrorKind::Interrupted, "stopped, run it again to go on".to_owned()));
            }
            let (batch, end) = next_batch(&mut blocks);
            let (places, batch): (Vec<Place>, Vec<Vec<u8>>) = batch.into_iter().unzip();
            let hexes: Value = batch.iter().map(|block| hex::encode(block)).collect();
            let report = self.ask("importblocks", vec![hexes])?;
            let count = |name: &str| report.get(name).and_then(Value::as_u64).unwrap_or(0);
            accepted += count("accepted");
            known += count("known");
            height = count("height");
            if let Some(refused) = report.get("refused").filter(|refused| !refused.is_null()) {
                let index = refused.get("index").and_then(Value::as_u64).unwrap_or(0);
                let place = places.get(index as usize).copied().unwrap_or_default();
                let reason = refused.get("reason").and_then(Value::as_str).unwrap_or("no reason");
                break Err((
                    ErrorKind::Rejected,
                    format!("the block at {place} is refused: {reason}"),
                ));
            }
            progress.show(accepted + known, blocks.place().byte, size);
            match end {
                Some(Ok(())) if count("waiting") > 0 => {
                    let why = "blocks name parents that are neither known nor in the file";
                    break Err((ErrorKind::Rejected, format!("{} {why}", count("waiting"))));
                }
                Some(Ok(())) => break Ok(()),
                Some(Err(e)) => break Err((ErrorKind::Undecodable, e.to_string())),
                None => {}
            }
        };
        progress.done();
        self.ask("flush", Vec::new())?;
        ended.map_err(|(kind, why)| {
            let kept = "new blocks before it are kept";
            CallError::new(kind, format!("import of {name:?}: {why}; {accepted} {kept}"))
        })?;
        let line = if self.config.json {
            json!({ "accepted": accepted, "known": known, "height": height }).to_string()
        } else {
            format!("imported {accepted} blocks, {known} already known, height {height}")
        };
        let shown = self.show(&(line + "\n"), context);
        shown.map_err(|_| CallError::new(ErrorKind::Internal, "the output is closed"))
    }

    /// Writes the best chain to a new file; one that is there is never written over.
    fn export_blocks(
        &mut self,
        name: &str,
        context: &mut HostContext<'_>,
    ) -> Result<(), CallError> {
        let free = || match fs::symlink_metadata(name) {
            Ok(_) => Err(CallError::new(
                ErrorKind::File,
                format!("{name:?} is there already: give another name, or delete it first"),
            )),
            Err(_) => Ok(()),
        };
        free()?;
        let last = self.ask("getblockcount", Vec::new())?.as_u64().unwrap_or(0);
        let unfinished = format!("{name}.part");
        let failed = |e: std::io::Error| file_error("write", name, &e);
        let mut out = BufWriter::new(fs::File::create(&unfinished).map_err(failed)?);
        let mut progress = self.progress("blocks");
        let interrupt = context.interrupt();
        for height in 1..=last {
            if interrupt.load(Ordering::Relaxed) {
                // What is there of the file is of no use.
                let _ = fs::remove_file(&unfinished);
                return Err(CallError::new(
                    ErrorKind::Interrupted,
                    "export stopped; no file was written",
                ));
            }
            let block = self.ask("getblock", vec![json!(height), json!(0)])?;
            let text = block.as_str().unwrap_or_default();
            writeln!(out, "{text}").map_err(failed)?;
            progress.show(height, height, last);
        }
        let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        free()?;
        fs::rename(&unfinished, name).map_err(failed)?;
        progress.done();
        let line = if self.config.json {
            json!({ "exported": last }).to_string()
        } else {
            format!("exported {last} blocks to {name}")
        };
        let shown = self.show(&(line + "\n"), context);
        shown.map_err(|_| CallError::new(ErrorKind::Internal, "the output is closed"))
    }
}

/// Blocks of a file with their places, and how the file ended if it did.
type Batch = (Vec<(Place, Vec<u8>)>, Option<Result<(), FileError>>);

fn next_batch(file: &mut BlockFile<fs::File>) -> Batch {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while batch.len() < IMPORT_BLOCKS && bytes < IMPORT_BYTES {
        match file.next_block() {
            Ok(Some((place, block))) => {
                bytes += block.len();
                batch.push((place, block));
            }
            Ok(None) => return (batch, Some(Ok(()))),
            Err(e) => return (batch, Some(Err(e))),
        }
    }
    (batch, None)
}
