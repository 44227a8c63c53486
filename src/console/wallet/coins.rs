//! What the wallet has: its scripts are asked for in one question, with as many unused ones behind
//! the last used one as BIP44 wants.

use std::collections::BTreeMap;

use rpc_types::wallet::ScannedCoin;
use serde_json::{Value, json};

use super::session::address_text;
use super::session::{ConsoleServices, WalletSession, refused, wrong};
use primitives::amount::Amount;
use primitives::hex;
use primitives::script::Script;
use primitives::tx::{OutPoint, TxOut};
use rpc::error::{CallError, ErrorKind};
use rpc::table::calls::ScanScripts;
use rpc::value::Json;
use wallet::descriptor::Descriptor;
use wallet::spend::Coin;

/// Unused addresses behind the last used one (BIP44).
pub const GAP: usize = 20;
/// Most questions of one scan: each doubles what is known at least.
const MOST_ROUNDS: usize = 1000;

/// What a scan found.
pub struct Scan {
    pub height: u32,
    pub coins: Vec<Coin>,
}

/// How a coin may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Spendable,
    Unconfirmed,
    Immature,
    Locked,
    /// Spoken for by a payment that is not out, or a draft.
    Reserved,
    /// In a vault: spent by its own words.
    Vault,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Spendable => "spendable",
            State::Unconfirmed => "unconfirmed",
            State::Immature => "immature",
            State::Locked => "locked",
            State::Reserved => "reserved",
            State::Vault => "vault",
        }
    }
}

fn malformed() -> CallError {
    CallError::new(ErrorKind::Internal, "the node's answer about scripts is malformed")
}

impl WalletSession {
    /// Asks the node for every coin of the wallet.
    pub fn scan(&mut self, services: &mut dyn ConsoleServices) -> Result<Scan, CallError> {
        self.follow(services)?;
        let open = self.wallet()?;
        let mut scan = Scan { height: 0, coins: Vec::new() };
        // For each branch of each account: how many scripts were asked for, and one past the last
        // used one.
        let mut branches: Vec<(usize, usize, usize, usize)> = Vec::new();
        for (at, account) in open.book.accounts.iter().enumerate() {
            let count = if account.descriptor.has_change() { 2 } else { 1 };
            branches.extend((0..count).map(|b| (at, b, 0, account.next[b.min(1)] as usize)));
        }
        for round in 0..MOST_ROUNDS {
            let mut scripts: Vec<Script> = Vec::new();
            for (account, branch, asked, used) in &mut branches {
                if *used + GAP <= *asked {
                    continue;
                }
                // A branch that turns out to be used further is looked at in growing steps.
                let ahead = if round == 0 { GAP } else { GAP.max(*used / 2) };
                let list = open.scripts.extend(&open.book, *account, *branch, *used + ahead);
                let list = list.map_err(refused)?;
                let until = list.len().min(*used + ahead).max(*asked);
                scripts.extend_from_slice(&list[*asked..until]);
                *asked = until;
            }
            if scripts.is_empty() {
                break;
            }
            let hexes: Value = scripts.iter().map(|s| json!(hex::encode(s.as_bytes()))).collect();
            let Json(found) = services.call_node::<ScanScripts>(vec![hexes])?;
            scan.height = found.height;
            for number in found.used {
                let script = scripts.get(number as usize).ok_or_else(malformed)?;
                let (account, branch, index) = open.scripts.place(script).ok_or_else(malformed)?;
                let next = &mut open.book.accounts[account].next[branch.min(1)];
                *next = (*next).max(index + 1);
                for of in &mut branches {
                    if (of.0, of.1) == (account, branch) {
                        of.3 = of.3.max(index as usize + 1);
                    }
                }
            }
            for row in &found.coins {
                let coin = read_coin(row, &scripts).ok_or_else(malformed)?;
                let place = open.scripts.place(&coin.output.script_pubkey);
                let (account, branch, index) = place.ok_or_else(malformed)?;
                scan.coins.push(Coin { account, branch, index, ..coin });
            }
        }
        // The next session of a large wallet shall not derive all again; where the file can't be
        // written now, it will.
        if open.file.is_some() && open.scripts.outgrew(&open.book) {
            let _ = self.save(services);
        }
        Ok(scan)
    }

    /// Whether and why not a coin can be spent now.
    pub fn state_of(&mut self, coin: &Coin, height: u32) -> Result<State, CallError> {
        let book = &self.wallet()?.book;
        let own = |coin: &Coin| book.journal.get(&coin.outpoint.txid).is_some();
        Ok(if matches!(book.accounts[coin.account].descriptor, Descriptor::Vault(_)) {
            State::Vault
        } else if book.locked.contains(&coin.outpoint) {
            State::Locked
        } else if book.journal.reserves(&coin.outpoint) {
            State::Reserved
        } else if coin.height.is_none() && !own(coin) {
            State::Unconfirmed
        } else if !coin.is_mature(height) {
            State::Immature
        } else {
            State::Spendable
        })
    }

    /// Sums by state.
    pub fn balances(&mut self, services: &mut dyn ConsoleServices) -> Result<Value, CallError> {
        let scan = self.scan(services)?;
        let mut sums = [0i64; 6];
        let mut accounts: BTreeMap<usize, Amount> = BTreeMap::new();
        for coin in &scan.coins {
            let state = self.state_of(coin, scan.height)?;
            sums[state as usize] += coin.output.value.0;
            if state == State::Spendable {
                let sum = accounts.entry(coin.account).or_default();
                *sum = sum.saturating_add(coin.output.value);
            }
        }
        let book = &self.wallet()?.book;
        // What a payment of each account can spend: accounts never mix.
        let accounts: serde_json::Map<String, Value> = accounts
            .iter()
            .map(|(at, sum)| (book.accounts[*at].name.clone(), json!(sum.to_string())))
            .collect();
        let shown = |at: usize| json!(Amount(sums[at]).to_string());
        Ok(json!({
            "balance": shown(0),
            "unconfirmed": shown(1),
            "immature": shown(2),
            "locked": Amount(sums[3] + sums[4]).to_string(),
            "vaults": shown(5),
            "coins": scan.coins.len(),
            "accounts": accounts,
        }))
    }

    /// What can be spent now, in base units.
    pub fn balance(&mut self, services: &mut dyn ConsoleServices) -> Result<i64, CallError> {
        let scan = self.scan(services)?;
        let mut sum = 0;
        for coin in &scan.coins {
            if self.state_of(coin, scan.height)? == State::Spendable {
                sum += coin.output.value.0;
            }
        }
        Ok(sum)
    }

    /// Every coin.
    pub fn utxos(&mut self, services: &mut dyn ConsoleServices) -> Result<Value, CallError> {
        let scan = self.scan(services)?;
        let mut list = Vec::new();
        for coin in &scan.coins {
            let state = self.state_of(coin, scan.height)?;
            let book = &self.wallet()?.book;
            list.push(json!({
                "outpoint": coin.outpoint.to_string(),
                "amount": coin.output.value.to_string(),
                "address": address_text(book, &coin.output.script_pubkey),
                "account": book.accounts[coin.account].name,
                "confirmations": coin.height.map_or(0, |h| scan.height.saturating_sub(h) + 1),
                "state": state.name(),
            }));
        }
        Ok(Value::Array(list))
    }

    /// Every address that was given out or paid to, with what it holds.
    pub fn addresses(
        &mut self,
        services: &mut dyn ConsoleServices,
    ) -> Result<Vec<Value>, CallError> {
        let scan = self.scan(services)?;
        let mut held: BTreeMap<(usize, usize, u32), (i64, u64)> = BTreeMap::new();
        for coin in &scan.coins {
            let sum = held.entry((coin.account, coin.branch, coin.index)).or_default();
            *sum = (sum.0 + coin.output.value.0, sum.1 + 1);
        }
        let open = self.wallet()?;
        let mut list = Vec::new();
        for (at, account) in open.book.accounts.iter().enumerate() {
            let count = if account.descriptor.has_change() { 2 } else { 1 };
            for branch in 0..count {
                let until = account.next[branch] as usize;
                let scripts =
                    open.scripts.extend(&open.book, at, branch, until).map_err(refused)?;
                for (index, script) in scripts.iter().take(until).enumerate() {
                    let place = (at, branch, index as u32);
                    let (sum, coins) = held.get(&place).copied().unwrap_or_default();
                    list.push(json!({
                        "account": account.name,
                        "branch": if branch == 0 { "receive" } else { "change" },
                        "index": index,
                        "address": address_text(&open.book, script),
                        "balance": Amount(sum).to_string(),
                        "coins": coins,
                    }));
                }
            }
        }
        Ok(list)
    }

    /// Keeps a coin from being spent, or lets it go.
    pub fn lock_coin(
        &mut self,
        text: &str,
        locked: bool,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        let outpoint: OutPoint = text.trim().parse().map_err(wrong)?;
        if locked && !self.scan(services)?.coins.iter().any(|coin| coin.outpoint == outpoint) {
            return Err(CallError::not_found(format!("the wallet has no coin {outpoint}")));
        }
        let book = &mut self.wallet()?.book;
        let changed =
            if locked { book.locked.insert(outpoint) } else { book.locked.remove(&outpoint) };
        if !changed && !locked {
            return Err(CallError::not_found(format!("{outpoint} is not locked")));
        }
        self.touched(services)
    }
}

fn read_coin(row: &ScannedCoin, scripts: &[Script]) -> Option<Coin> {
    let ScannedCoin(number, txid, vout, value, height, coinbase) = row;
    let script_pubkey = scripts.get(usize::try_from(*number).ok()?)?.clone();
    Some(Coin {
        outpoint: OutPoint { txid: txid.0.parse().ok()?, vout: *vout },
        output: TxOut { value: Amount(*value), script_pubkey },
        height: *height,
        coinbase: *coinbase,
        account: 0,
        branch: 0,
        index: 0,
    })
}
