//! Runs the operator's own words while a node without a terminal waits.
//!
//! Each run has fuel for so many branches and calls; a word that fails or runs out of it is noted
//! in the log and runs again next time. Nothing that it does stops the node, save BYE.

use std::time::Instant;

use super::eval::{Next, Session};
use forth2012::error::Failure;
use rpc::door::{Happening, Watch};

/// Branches, calls and straight runs that one run of a word may take.
const FUEL: u64 = 20_000_000;

impl Session {
    /// Runs the operator's words when something happens, until one of them leaves.
    pub fn watch(&self, events: &mut dyn Watch) -> Next {
        loop {
            let (wait, listens) = {
                let handlers = self.shared.handlers.borrow();
                (handlers.wait(Instant::now()), handlers.listens())
            };
            let happened = match listens {
                true => events.next(wait),
                false => {
                    events.rest(wait);
                    None
                }
            };
            let mut runs: Vec<(&str, String)> = Vec::new();
            {
                let mut handlers = self.shared.handlers.borrow_mut();
                let say = |xt: i64| format!("{xt} execute");
                match &happened {
                    Some(Happening::Block { height, txids }) => {
                        if let Some(xt) = handlers.on_block {
                            runs.push(("on-block", format!("{height} {}", say(xt))));
                        }
                        if let Some(xt) = handlers.on_tx {
                            let run = |txid| ("on-tx", format!("s\" {txid}\" {}", say(xt)));
                            runs.extend(txids.iter().map(run));
                        }
                    }
                    Some(Happening::Transaction { txid }) => {
                        if let Some(xt) = handlers.on_tx {
                            runs.push(("on-tx", format!("s\" {txid}\" {}", say(xt))));
                        }
                    }
                    Some(Happening::Reorganisation { height, depth }) => {
                        if let Some(xt) = handlers.on_reorg {
                            runs.push(("on-reorg", format!("{depth} {height} {}", say(xt))));
                        }
                    }
                    None => {}
                }
                runs.extend(handlers.due(Instant::now()).into_iter().map(|xt| ("every", say(xt))));
            }
            for (word, line) in runs {
                if let Some(code) = self.run_handler(word, &line, events) {
                    return Next::Exit(code);
                }
            }
        }
    }

    /// Runs one line with fuel; the exit code when the word was BYE.
    fn run_handler(&self, word: &str, line: &str, events: &mut dyn Watch) -> Option<u8> {
        let mut machine = self.machine.borrow_mut();
        machine.set_fuel(Some(FUEL));
        let result = machine.interpret(line.as_bytes(), word);
        machine.set_fuel(None);
        if machine.host_mut().flush().is_err() {
            events.failed(word, "nobody reads what it prints");
        }
        match result {
            Ok(()) => {
                if machine.depth() > 0 {
                    events.failed(word, "it leaves items on the stack: they are dropped");
                }
                machine.reset_after_error();
                None
            }
            Err(Failure::Bye { code }) => Some(code as u8),
            Err(Failure::Error(report)) => {
                events.failed(word, &report.to_string());
                None
            }
        }
    }
}
