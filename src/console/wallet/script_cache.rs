//! The output scripts of a wallet that were derived so far, so that each is derived once.

use std::collections::HashMap;

use rayon::prelude::*;

use primitives::script::Script;
use wallet::book::{Book, Derivations};
use wallet::keys::KeyError;

/// A branch with at least this many scripts is stored in the wallet's file.
const WORTH_KEEPING: usize = 256;

/// Most scripts that are stored, under 2 MB of a file.
const MOST_KEPT: usize = 32_768;

/// Account, branch and index of a script.
pub type Place = (usize, usize, u32);

/// Scripts by place, and places by script.
#[derive(Default)]
pub struct ScriptCache {
    lists: HashMap<(usize, usize), Vec<Script>>,
    places: HashMap<Script, Place>,
}

impl ScriptCache {
    /// The scripts stored in a wallet's file. Each list is checked by its first and last script; one
    /// that is not the account's is left out.
    pub fn kept(book: &Book) -> ScriptCache {
        let mut known = ScriptCache::default();
        for Derivations { account, branch, scripts } in &book.derivations {
            let Some(of) = book.accounts.get(*account) else { continue };
            let Some(last) = scripts.len().checked_sub(1) else { continue };
            let Ok(prepared) = of.descriptor.prepare(*branch) else { continue };
            let is = |index: usize| {
                let derived = u32::try_from(index).ok().and_then(|i| prepared.at(i).ok());
                derived.is_some_and(|derived| derived.script_pubkey == scripts[index])
            };
            if of.descriptor.is_ranged() && is(0) && is(last) {
                for (index, script) in scripts.iter().enumerate() {
                    known.places.insert(script.clone(), (*account, *branch, index as u32));
                }
                known.lists.insert((*account, *branch), scripts.clone());
            }
        }
        known
    }

    /// The lists that are long enough to be stored.
    pub fn to_keep(&self) -> Vec<Derivations> {
        let long = self.lists.iter().filter(|(_, list)| list.len() >= WORTH_KEEPING);
        let mut all: Vec<_> = long.collect();
        all.sort_unstable_by_key(|(place, _)| **place);
        let mut room = MOST_KEPT;
        let keep = |((account, branch), scripts): (&(usize, usize), &Vec<Script>)| {
            let scripts = scripts[..scripts.len().min(room)].to_vec();
            room -= scripts.len();
            Derivations { account: *account, branch: *branch, scripts }
        };
        all.into_iter().map(keep).filter(|of| !of.scripts.is_empty()).collect()
    }

    /// So many scripts more than the wallet's file has that writing it pays.
    pub fn outgrew(&self, book: &Book) -> bool {
        let known: usize = self.lists.values().map(Vec::len).filter(|n| *n >= WORTH_KEEPING).sum();
        let kept: usize = book.derivations.iter().map(|of| of.scripts.len()).sum();
        known.min(MOST_KEPT) >= kept + kept / 8 + WORTH_KEEPING
    }

    /// Derives the first `count` scripts of a branch; one that is not ranged has one.
    pub fn extend(
        &mut self,
        book: &Book,
        account: usize,
        branch: usize,
        count: usize,
    ) -> Result<&[Script], KeyError> {
        let descriptor = &book.accounts[account].descriptor;
        let count = if descriptor.is_ranged() { count } else { 1 };
        let list = self.lists.entry((account, branch)).or_default();
        if list.len() < count {
            let prepared = descriptor.prepare(branch)?;
            // Thousands of points when a large wallet is looked at first: on all threads.
            let made: Result<Vec<Script>, KeyError> = (list.len()..count)
                .into_par_iter()
                .with_min_len(64)
                .map(|index| prepared.at(index as u32).map(|derived| derived.script_pubkey))
                .collect();
            for script in made? {
                let index = list.len();
                self.places.insert(script.clone(), (account, branch, index as u32));
                list.push(script);
            }
        }
        Ok(&list[..])
    }

    /// One script.
    pub fn script(
        &mut self,
        book: &Book,
        account: usize,
        branch: usize,
        index: u32,
    ) -> Result<Script, KeyError> {
        let list = self.extend(book, account, branch, index as usize + 1)?;
        list.get(index as usize).cloned().ok_or(KeyError::Derivation)
    }

    /// Where a script that was derived is.
    pub fn place(&self, script: &Script) -> Option<Place> {
        self.places.get(script).copied()
    }
}
