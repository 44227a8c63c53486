//! The chain that all machines of a run start with, made once and copied.

use std::sync::{Arc, Mutex, PoisonError};

use super::forge::{self, Parent, Purse};
use super::machine::{self, Booted};
use chain::error::BlockError;
use consensus::connect::subsidy;
use node::io::Input;
use primitives::block::Height;
use primitives::codec::Encode;
use primitives::network::REGTEST;
use primitives::tx::OutPoint;
use store::error::StoreError;
use testkit::disk::FaultyDisk;

/// When every simulation begins, in seconds since 1970.
pub const START_S: u32 = 1_800_000_000;
/// Seconds between two blocks of the history.
const SPACING_S: u32 = 60;
/// Owners of its coins.
const OWNERS: u32 = 16;
/// Blocks until a coinbase can be spent.
const MATURITY: u32 = 100;

/// A disk image and what is known of it.
#[derive(Debug)]
pub struct History {
    pub image: Vec<u8>,
    pub tip: Parent,
    /// Hash and time of every block, by height.
    pub blocks: Vec<Parent>,
    /// Coins that can be spent at the tip.
    pub purses: Vec<Purse>,
}

/// Histories that were made, by length.
static MADE: Mutex<Vec<Arc<History>>> = Mutex::new(Vec::new());

impl History {
    /// A history of that many blocks.
    pub fn of(length: u32) -> Result<Arc<History>, StoreError> {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(history) = made.iter().find(|h| h.tip.height.0 == length) {
            return Ok(Arc::clone(history));
        }
        let history = Arc::new(History::make(length)?);
        made.push(Arc::clone(&history));
        Ok(history)
    }

    fn make(length: u32) -> Result<History, StoreError> {
        let disk = FaultyDisk::new();
        let Booted { mut node, .. } = machine::boot(&disk)?;
        let genesis = &REGTEST.genesis;
        let mut tip = Parent { hash: genesis.hash, height: Height(0), time: genesis.time };
        let mut blocks = vec![tip];
        let mut purses = Vec::new();
        let mut bytes = Vec::with_capacity(length as usize);
        for height in 1..=length {
            let owner = (height % OWNERS) as u16;
            let time = START_S - (length - height + 1) * SPACING_S;
            let value = subsidy(Height(height), &REGTEST);
            let mut coinbase = forge::coinbase(Height(height), 0, value);
            coinbase.outputs[0].script_pubkey = forge::pay_script(owner);
            let block = forge::block(tip, time, vec![coinbase]);
            if height + MATURITY <= length {
                let outpoint = OutPoint { txid: block.txs[0].txid(), vout: 0 };
                purses.push(Purse { outpoint, value, owner });
            }
            tip = Parent { hash: block.hash(), height: Height(height), time: block.header.time };
            blocks.push(tip);
            bytes.push(block.to_bytes());
        }
        let taken = node.chain().accept_blocks(bytes, START_S, true);
        if let Some((_, BlockError::Store(error))) = taken.error {
            return Err(error);
        }
        node.step(Input::Stop, START_S);
        drop(node);
        Ok(History { image: disk.image(), tip, blocks, purses })
    }
}
