//! What became of every payment. A payment is written here before it leaves, keeps its coins to
//! itself, and is sent again until it is confirmed or abandoned, over crashes of wallet and node.
//!
//! ```text
//! draft -> signed -> sent -> in pool -> confirmed n deep
//!             ^        |        |            |
//!             |        +--------+------------+--> dropped (sent again)
//!             +-- replaced by another, abandoned
//! ```
//! The journal knows no node: what was seen of a transaction comes in as a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use primitives::amount::Amount;
use primitives::codec::{Decode, Encode};
use primitives::fee::FeeRate;
use primitives::hex;
use primitives::id::Txid;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};

/// Blocks on a payment after which nobody asks for it any more.
pub const FINAL_DEPTH: u32 = 100;
/// Most payments that are kept; settled ones go first.
pub const MAX_PAYMENTS: usize = 10_000;
/// Longest label, in bytes.
pub const MAX_LABEL: usize = 200;

/// Where a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Proposed, not signed by all who must.
    Draft,
    /// Signed and written down, not handed to the node as far as is known.
    Signed,
    /// Handed to the node.
    Sent,
    InPool,
    /// With so many blocks on it, its own counted.
    Confirmed {
        depth: u32,
    },
    /// Another payment spends its coins.
    Replaced {
        by: Txid,
    },
    /// It was out and the node does not have it any more.
    Dropped,
    /// Given up: its coins are free.
    Abandoned,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Draft => "draft",
            State::Signed => "signed",
            State::Sent => "sent",
            State::InPool => "in pool",
            State::Confirmed { .. } => "confirmed",
            State::Replaced { .. } => "replaced",
            State::Dropped => "dropped",
            State::Abandoned => "abandoned",
        }
    }

    /// Its coins are spoken for.
    fn holds_coins(self) -> bool {
        !matches!(self, State::Replaced { .. } | State::Abandoned)
    }

    /// The node should have it and may not.
    fn wants_sending(self) -> bool {
        matches!(self, State::Signed | State::Sent | State::Dropped)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Confirmed { depth } => write!(f, "confirmed, {depth} deep"),
            State::Replaced { by } => write!(f, "replaced by {by}"),
            state => f.write_str(state.name()),
        }
    }
}

/// What a node has of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Pool,
    /// With so many blocks on it, its own counted.
    Block {
        depth: u32,
    },
    Absent,
}

/// Why the journal does not take a payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    #[error("the coin {outpoint} is spoken for by the payment {by}: `cancel {by}` frees it")]
    CoinTaken { outpoint: OutPoint, by: Txid },
    #[error("{MAX_PAYMENTS} payments are open, more are not kept")]
    Full,
    #[error("this wallet did not send {0}")]
    Unknown(Txid),
    #[error("{txid} is {state}: it is not given up")]
    NotAbandoned { txid: Txid, state: State },
}

/// A payment with what it spends: enough to send it again, and to replace it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub tx: Transaction,
    /// In the order of the inputs.
    pub spent: Vec<TxOut>,
    /// Which output is change.
    pub change: Option<u32>,
    /// When it was written down, in seconds since 1970; 0 where an older wallet did not say.
    pub time_s: u64,
    pub label: String,
    /// All went to one payee, less the fee.
    pub sweep: bool,
    pub state: State,
    /// The payment whose coins it takes over.
    pub replaces: Option<Txid>,
    /// Why the node refused it when it was sent again.
    pub note: Option<String>,
}

impl Payment {
    pub fn new(tx: Transaction, spent: Vec<TxOut>, change: Option<u32>, state: State) -> Payment {
        let (label, replaces, note) = (String::new(), None, None);
        Payment { tx, spent, change, time_s: 0, label, sweep: false, state, replaces, note }
    }

    pub fn txid(&self) -> Txid {
        self.tx.txid()
    }

    pub fn fee(&self) -> Amount {
        let sum = |outputs: &[TxOut]| outputs.iter().map(|output| output.value).sum::<Amount>();
        sum(&self.spent).saturating_sub(sum(&self.tx.outputs))
    }

    pub fn rate(&self) -> FeeRate {
        FeeRate::of(self.fee(), self.tx.vsize())
    }

    /// Outputs that are not change.
    pub fn payees(&self) -> impl Iterator<Item = &TxOut> {
        let change = self.change.map(|vout| vout as usize);
        let outputs = self.tx.outputs.iter().enumerate();
        outputs.filter(move |(at, _)| Some(*at) != change).map(|(_, output)| output)
    }

    fn is_signed(&self) -> bool {
        let bare = |input: &TxIn| input.script_sig.is_empty() && input.witness.is_empty();
        !self.tx.inputs.iter().all(bare)
    }

    fn coins(&self) -> impl Iterator<Item = OutPoint> {
        self.tx.inputs.iter().map(|input| input.prevout)
    }

    /// Nothing that can still happen changes it.
    fn is_settled(&self) -> bool {
        matches!(self.state, State::Abandoned)
            || matches!(self.state, State::Confirmed { depth } if depth >= FINAL_DEPTH)
    }
}

/// A node as the journal needs it.
pub trait Node {
    type Error;
    fn seen(&mut self, txid: &Txid) -> Result<Seen, Self::Error>;
    /// Hands a transaction in; the inner error is the node's refusal.
    fn send(&mut self, tx: &Transaction) -> Result<Result<(), String>, Self::Error>;
}

/// Every payment of a wallet, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Journal {
    payments: Vec<Payment>,
}

impl Journal {
    pub fn payments(&self) -> &[Payment] {
        &self.payments
    }

    pub fn get(&self, txid: &Txid) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.txid() == *txid)
    }

    fn get_mut(&mut self, txid: &Txid) -> Result<&mut Payment, JournalError> {
        let found = self.payments.iter_mut().find(|payment| payment.txid() == *txid);
        found.ok_or(JournalError::Unknown(*txid))
    }

    /// Coins that open payments spend.
    pub fn reserved(&self) -> BTreeSet<OutPoint> {
        let open = self.payments.iter().filter(|payment| payment.state.holds_coins());
        open.flat_map(Payment::coins).collect()
    }

    /// An open payment spends the coin.
    pub fn reserves(&self, coin: &OutPoint) -> bool {
        let mut open = self.payments.iter().filter(|payment| payment.state.holds_coins());
        open.any(|payment| payment.coins().any(|spent| spent == *coin))
    }

    /// Writes a payment down, in place of the one that it replaces and of its own draft. A coin that
    /// another open payment spends is refused.
    pub fn record(&mut self, payment: Payment) -> Result<(), JournalError> {
        let txid = payment.txid();
        let coins: BTreeSet<OutPoint> = payment.coins().collect();
        for other in self.payments.iter().filter(|other| other.state.holds_coins()) {
            let by = other.txid();
            if by == txid || payment.replaces == Some(by) {
                continue;
            }
            if let Some(outpoint) = other.coins().find(|coin| coins.contains(coin)) {
                return Err(JournalError::CoinTaken { outpoint, by });
            }
        }
        self.payments.retain(|other| other.txid() != txid);
        if self.payments.len() >= MAX_PAYMENTS {
            let settled = self.payments.iter().position(Payment::is_settled);
            self.payments.remove(settled.ok_or(JournalError::Full)?);
        }
        if let Some(old) = payment.replaces
            && let Ok(old) = self.get_mut(&old)
        {
            old.state = State::Replaced { by: txid };
        }
        self.payments.push(payment);
        Ok(())
    }

    /// The node took it.
    pub fn handed(&mut self, txid: &Txid) -> Result<(), JournalError> {
        let payment = self.get_mut(txid)?;
        if matches!(payment.state, State::Signed | State::Dropped) {
            payment.state = State::Sent;
        }
        Ok(())
    }

    /// The node refused what was never out: the payment is taken back, and what it would have
    /// replaced is as it was.
    pub fn take_back(&mut self, txid: &Txid) -> Result<(), JournalError> {
        let payment = self.get_mut(txid)?;
        let replaces = payment.replaces;
        self.payments.retain(|payment| payment.txid() != *txid);
        if let Some(old) = replaces
            && let Ok(old) = self.get_mut(&old)
            && old.state == (State::Replaced { by: *txid })
        {
            old.state = State::Sent;
        }
        Ok(())
    }

    /// Gives a payment up, so that its coins are free: one that never left, or one whose coins are
    /// spent by something else. What may be out can only be replaced.
    pub fn abandon(&mut self, txid: &Txid, coins_are_gone: bool) -> Result<(), JournalError> {
        let payment = self.get_mut(txid)?;
        let (txid, state) = (*txid, payment.state);
        match state {
            State::Draft => payment.state = State::Abandoned,
            State::Signed | State::Sent | State::Dropped if coins_are_gone => {
                payment.state = State::Abandoned;
            }
            _ => return Err(JournalError::NotAbandoned { txid, state }),
        }
        Ok(())
    }

    /// Payments that something can still happen to. Replaced ones count while their replacement
    /// does: whoever mines may have seen the first alone.
    fn unsettled(&self) -> Vec<Txid> {
        let settled: BTreeSet<Txid> =
            self.payments.iter().filter(|p| p.is_settled()).map(Payment::txid).collect();
        let open = |payment: &&Payment| match payment.state {
            State::Replaced { by } => !settled.contains(&by),
            _ => !payment.is_settled(),
        };
        self.payments.iter().filter(open).map(Payment::txid).collect()
    }

    /// Scripts whose history shows every payment that is not settled: those that they spend from.
    pub fn scripts_to_ask(&self) -> BTreeSet<Vec<u8>> {
        let unsettled: BTreeSet<Txid> = self.unsettled().into_iter().collect();
        let open = self.payments.iter().filter(|payment| unsettled.contains(&payment.txid()));
        open.flat_map(|payment| &payment.spent)
            .map(|output| output.script_pubkey.0.clone())
            .collect()
    }

    /// Open payments that spend what a transaction makes.
    pub fn spenders_of(&self, txid: &Txid) -> Vec<Txid> {
        let spends = |payment: &&Payment| {
            payment.state.holds_coins() && payment.coins().any(|coin| coin.txid == *txid)
        };
        self.payments.iter().filter(spends).map(Payment::txid).collect()
    }

    /// Takes in what a node has of a payment.
    pub fn observe(&mut self, txid: &Txid, seen: Seen) -> Result<(), JournalError> {
        let payment = self.get_mut(txid)?;
        payment.state = match (payment.state, seen) {
            // A proposal that others finished, and the node lost: there is nothing to send again.
            (State::InPool | State::Confirmed { .. }, Seen::Absent) if !payment.is_signed() => {
                State::Draft
            }
            (_, Seen::Block { depth }) => State::Confirmed { depth },
            (_, Seen::Pool) => State::InPool,
            (State::Sent | State::InPool | State::Confirmed { .. }, Seen::Absent) => State::Dropped,
            (state, Seen::Absent) => state,
        };
        if seen != Seen::Absent {
            payment.note = None;
        }
        Ok(())
    }

    /// Of payments that share a coin one alone can be: the confirmed one, else the one in the pool,
    /// else the one that was written last.
    fn settle_conflicts(&mut self) {
        let rank = |payment: &Payment| match payment.state {
            State::Confirmed { .. } => Some(2),
            State::InPool => Some(1),
            State::Signed | State::Sent | State::Dropped => Some(0),
            State::Draft | State::Replaced { .. } | State::Abandoned => None,
        };
        let mut holders: BTreeMap<OutPoint, (u8, usize)> = BTreeMap::new();
        for (at, payment) in self.payments.iter().enumerate() {
            let Some(rank) = rank(payment) else { continue };
            for coin in payment.coins() {
                let best = holders.entry(coin).or_insert((rank, at));
                if rank >= best.0 {
                    *best = (rank, at);
                }
            }
        }
        let winners: Vec<(usize, Txid)> = self
            .payments
            .iter()
            .enumerate()
            .filter_map(|(at, payment)| {
                let beaten = |coin| holders.get(&coin).map(|(_, winner)| *winner);
                let winner = payment.coins().filter_map(beaten).find(|winner| *winner != at)?;
                let lives =
                    payment.state.holds_coins() || matches!(payment.state, State::Replaced { .. });
                lives.then(|| (at, self.payments[winner].txid()))
            })
            .collect();
        for (at, by) in winners {
            self.payments[at].state = State::Replaced { by };
        }
    }

    /// Asks the node for every payment that is not settled, and sends those again that it should
    /// have and has not. Whether anything changed.
    pub fn follow<N: Node>(&mut self, node: &mut N) -> Result<bool, N::Error> {
        let before = self.outline();
        for txid in self.unsettled() {
            let seen = node.seen(&txid)?;
            let _ = self.observe(&txid, seen);
        }
        self.settle_conflicts();
        // In the order in which they were made: what one brings, a later one may spend.
        for at in 0..self.payments.len() {
            if !self.payments[at].state.wants_sending() {
                continue;
            }
            let answer = node.send(&self.payments[at].tx)?;
            let payment = &mut self.payments[at];
            match answer {
                Ok(()) => (payment.state, payment.note) = (State::InPool, None),
                Err(why) => payment.note = Some(why),
            }
        }
        Ok(self.outline() != before)
    }

    /// What is worth writing to the wallet's file; how deep a payment is, the node says anew.
    fn outline(&self) -> Vec<(&'static str, bool, Option<String>)> {
        let outline =
            |payment: &Payment| (payment.state.name(), payment.is_settled(), payment.note.clone());
        self.payments.iter().map(outline).collect()
    }

    /// As the wallet's file has it.
    pub fn to_json(&self) -> Vec<Value> {
        let payment = |payment: &Payment| {
            let spent = payment.spent.iter().map(|output| hex::encode(&output.to_bytes()));
            let mut value = json!({
                "tx": hex::encode(&payment.tx.to_bytes()),
                "spent": spent.collect::<Vec<_>>(),
                "change": payment.change,
                "time": payment.time_s,
                "state": payment.state.name(),
            });
            match payment.state {
                State::Confirmed { depth } => value["depth"] = json!(depth),
                State::Replaced { by } => value["by"] = json!(by.to_string()),
                _ => {}
            }
            if let Some(replaces) = payment.replaces {
                value["replaces"] = json!(replaces.to_string());
            }
            if payment.sweep {
                value["sweep"] = json!(true);
            }
            if !payment.label.is_empty() {
                value["label"] = json!(payment.label);
            }
            value
        };
        self.payments.iter().map(payment).collect()
    }

    /// Reads what a file has; one of the first format says of no payment what became of it.
    pub fn from_json(list: &[Value]) -> Option<Journal> {
        let payments = list.iter().map(read_payment).collect::<Option<Vec<_>>>()?;
        (payments.len() <= MAX_PAYMENTS).then_some(Journal { payments })
    }
}

fn read_payment(value: &Value) -> Option<Payment> {
    let bytes = |value: &Value| hex::decode(value.as_str()?).ok();
    let txid = |name: &str| value[name].as_str()?.parse::<Txid>().ok();
    let tx = Transaction::from_bytes(&bytes(&value["tx"])?).ok()?;
    let spent = value["spent"].as_array()?.iter();
    let spent: Vec<TxOut> =
        spent.map(|output| TxOut::from_bytes(&bytes(output)?).ok()).collect::<Option<_>>()?;
    if spent.len() != tx.inputs.len() {
        return None;
    }
    let change = value["change"].as_u64().and_then(|vout| u32::try_from(vout).ok());
    let change = change.filter(|vout| (*vout as usize) < tx.outputs.len());
    let state = match value["state"].as_str() {
        // It left; whether it is confirmed, the node will say.
        None | Some("sent") => State::Sent,
        Some("draft") => State::Draft,
        Some("signed") => State::Signed,
        Some("in pool") => State::InPool,
        Some("confirmed") => {
            State::Confirmed { depth: u32::try_from(value["depth"].as_u64()?).ok()? }
        }
        Some("replaced") => State::Replaced { by: txid("by")? },
        Some("dropped") => State::Dropped,
        Some("abandoned") => State::Abandoned,
        Some(_) => return None,
    };
    let mut payment = Payment::new(tx, spent, change, state);
    payment.time_s = value["time"].as_u64().unwrap_or(0);
    payment.label = value["label"].as_str().unwrap_or_default().chars().take(MAX_LABEL).collect();
    payment.replaces = txid("replaces");
    payment.sweep = value["sweep"].as_bool().unwrap_or(false);
    Some(payment)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
