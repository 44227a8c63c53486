//! Whose a script is: of an account of the wallet, derived anew; of a single key of the wallet; or
//! somebody else's, whatever the PSBT says of it.

use std::collections::{BTreeMap, BTreeSet};

use super::FindPlace;
use crate::book::Book;
use crate::descriptor::{Derived, Prepared};
use crate::keys::{HARDENED, KeyOrigin, Master, coin_type};
use crate::psbt::{PsbtError, field};
use crypto::curve::tweak_x_only;
use crypto::hash::hash160;
use primitives::address::Address;
use primitives::script::Script;
use script::verify::tap_tweak_hash;

/// Most scripts that are derived for one PSBT: each costs a point multiplication for each key.
const MOST_DERIVED: usize = 20_000;

/// Purposes whose paths name a coin (BIP44, 48, 49, 84, 86).
const PURPOSES: [u32; 5] = [44, 48, 49, 84, 86];

/// Account, branch and index.
pub type Place = (usize, usize, u32);

/// Whose a script is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// What the account's descriptor derives there.
    Account {
        account: usize,
        branch: usize,
        index: u32,
    },
    /// Of a single key of the wallet, at a path that none of its accounts has.
    Key {
        path: Vec<u32>,
    },
    Foreign,
}

/// What a PSBT says of a script, and what was found.
#[derive(Debug)]
pub struct Claim {
    pub owner: Owner,
    /// It names keys of ours, or of a policy of ours.
    pub claimed: bool,
    /// A key of ours stands at the path of another network's coin.
    pub other_network: bool,
}

impl Claim {
    /// It says it is ours and is not.
    pub fn is_false(&self) -> bool {
        self.claimed && self.owner == Owner::Foreign
    }
}

/// The wallet's policies, ready to be asked.
pub struct Policies<'a> {
    pub book: &'a Book,
    find: FindPlace<'a>,
    master: Option<Master>,
    /// Accounts by the fingerprints of their members.
    members: BTreeMap<[u8; 4], BTreeSet<usize>>,
    prepared: BTreeMap<(usize, usize), Option<Prepared<'a>>>,
    derived: usize,
}

impl<'a> Policies<'a> {
    pub fn new(book: &'a Book, find: FindPlace<'a>) -> Result<Policies<'a>, PsbtError> {
        let master = if book.is_watch_only() { None } else { book.master().ok() };
        let mut members: BTreeMap<[u8; 4], BTreeSet<usize>> = BTreeMap::new();
        for (at, account) in book.accounts.iter().enumerate() {
            for key in account.descriptor.key_exprs() {
                members.entry(key.base().fingerprint).or_default().insert(at);
            }
        }
        let prepared = BTreeMap::new();
        Ok(Policies { book, find, master, members, prepared, derived: 0 })
    }

    fn prepared(&mut self, account: usize, branch: usize) -> Option<&Prepared<'a>> {
        let book = self.book;
        let made = self.prepared.entry((account, branch));
        made.or_insert_with(|| book.accounts[account].descriptor.prepare(branch).ok()).as_ref()
    }

    /// What an account derives at a place.
    pub fn derive(
        &mut self,
        (account, branch, index): Place,
    ) -> Result<Option<Derived>, PsbtError> {
        self.derived += 1;
        if self.derived > MOST_DERIVED {
            return Err(field("derivations", "they are more than a wallet looks at"));
        }
        Ok(self.prepared(account, branch).and_then(|prepared| prepared.at(index).ok()))
    }

    /// It names a key of this wallet's tree.
    pub fn is_own(&self, origin: &KeyOrigin) -> bool {
        self.master.as_ref().is_some_and(|master| master.fingerprint() == origin.fingerprint)
    }

    /// Whose a script is of which the PSBT tells keys.
    pub fn owner(
        &mut self,
        script: &Script,
        told: &[(Vec<u8>, KeyOrigin)],
    ) -> Result<Claim, PsbtError> {
        let own = told.iter().filter(|(_, origin)| self.is_own(origin));
        let own: Vec<&(Vec<u8>, KeyOrigin)> = own.collect();
        let coin = coin_type(self.book.params) | HARDENED;
        let foreign_coin = |path: &[u32]| match path {
            [purpose, at, ..] => PURPOSES.contains(&(purpose & !HARDENED)) && *at != coin,
            _ => false,
        };
        let other_network = own.iter().any(|(_, origin)| foreign_coin(&origin.path));
        let mut claim = Claim { owner: Owner::Foreign, claimed: !own.is_empty(), other_network };
        if let Some((account, branch, index)) = (self.find)(script) {
            claim.owner = Owner::Account { account, branch, index };
            return Ok(claim);
        }
        let mut tried: BTreeSet<Place> = BTreeSet::new();
        for (_, origin) in told {
            let accounts = self.members.get(&origin.fingerprint).cloned().unwrap_or_default();
            for account in accounts {
                let descriptor = &self.book.accounts[account].descriptor;
                let names = descriptor.key_exprs().iter().any(|key| {
                    let base = key.base();
                    base.fingerprint == origin.fingerprint && origin.path.starts_with(&base.path)
                });
                claim.claimed |= names;
                for branch in 0..if names { descriptor.branches() } else { 0 } {
                    let index = self.prepared(account, branch).and_then(|p| p.index_of(origin));
                    let Some(index) = index.filter(|index| index & HARDENED == 0) else { continue };
                    if !tried.insert((account, branch, index)) {
                        continue;
                    }
                    let derived = self.derive((account, branch, index))?;
                    if derived.is_some_and(|derived| derived.script_pubkey == *script) {
                        claim.owner = Owner::Account { account, branch, index };
                        return Ok(claim);
                    }
                }
            }
        }
        for (key, origin) in own {
            let master = self.master.as_ref();
            let public = master.and_then(|master| master.xpub(&origin.path).ok());
            let Some(public) = public.map(|key| key.to_bytes()) else { continue };
            if (public[..] == key[..] || public[1..] == key[..]) && is_single(script, &public) {
                claim.owner = Owner::Key { path: origin.path.clone() };
                return Ok(claim);
            }
        }
        Ok(claim)
    }
}

/// A script that one key alone can spend, as a wallet makes them.
fn is_single(script: &Script, key: &[u8; 33]) -> bool {
    let hash = hash160(key);
    let segwit = Address::Witness { version: 0, program: hash.to_vec() }.to_script();
    let nested = Address::ScriptHash(hash160(segwit.as_bytes())).to_script();
    let taproot = || {
        let internal = <[u8; 32]>::try_from(&key[1..]).ok()?;
        let (output, _) = tweak_x_only(&internal, &tap_tweak_hash(&internal, None))?;
        Some(Address::Witness { version: 1, program: output.to_vec() }.to_script())
    };
    *script == segwit
        || *script == Address::PubkeyHash(hash).to_script()
        || *script == nested
        || taproot().is_some_and(|taproot| *script == taproot)
}
