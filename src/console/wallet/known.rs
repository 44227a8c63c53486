//! The output scripts of a wallet that were derived so far, so that each is derived once.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::primitives::script::Script;
use crate::wallet::book::Book;
use crate::wallet::keys::KeyError;

/// Account, branch and index of a script.
pub type Place = (usize, usize, u32);

/// Scripts by place, and places by script.
#[derive(Default)]
pub struct Known {
    lists: HashMap<(usize, usize), Vec<Script>>,
    places: HashMap<Script, Place>,
}

impl Known {
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
