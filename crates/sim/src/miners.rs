//! Miners and payers: when they do something, and what must come of it.
//!
//! Every third machine has the node's own standing miner; on the others somebody asks for nothing
//! and hands in a block that he made himself.

use std::sync::Arc;

use super::forge::{self, Purse};
use super::machine::Work;
use super::report::Failure;
use super::world::{Event, Phase, World};
use mining::block_template::Template;
use mining::select::Limits;
use mining::work::{Found, Work as Given};
use node::io::{Act, Input};
use node::mine::standing::MAX_WORKS;
use primitives::codec::Encode;
use primitives::id::Txid;
use primitives::network::REGTEST;

/// What will be found for work of the standing miner.
fn given_work(given: &Arc<Given>, extra_nonce: u64) -> Work {
    let mut header = given.header(extra_nonce, given.template.time);
    forge::grind(&mut header);
    let (version, time, nonce) = (header.version, header.time, header.nonce);
    let found = Found { epoch: given.epoch, extra_nonce, version, time, nonce };
    Work::Given(Arc::clone(given), found)
}

impl World {
    /// Some machine begins to work on a block; it finds it after a while, whatever happens to the
    /// tip meanwhile.
    pub(super) fn start_work(&mut self) {
        if self.phase == Phase::Active {
            let pause = self.random.exponential(self.plan.block_every_ms);
            self.after(pause, Event::StartWork);
            self.work_at_some(3_000);
        }
    }

    pub(super) fn work_at_some(&mut self, most_ms: u64) {
        let Some(index) = self.some_machine() else { return };
        let machine = &mut self.machines[index];
        let now = machine.clock_s(self.now_ms);
        let life = machine.life;
        let salt = self.random.word();
        let work = match &machine.given {
            Some(given) if given.threads > 0 => given_work(given, salt),
            Some(_) => return,
            None => {
                let Some(up) = machine.up.as_mut() else { return };
                let pool = up.node.view().pool;
                let Ok((_, branch)) = up.node.chain().around_tip() else { return };
                let pool = pool.read();
                let template = Template::new(&pool, &branch, &REGTEST, now, b"", Limits::default());
                let Ok(template) = template else { return };
                let coinbase = template.coinbase(&forge::pay_script((index % 16) as u16), salt);
                let mut header = template.header(&coinbase, template.time);
                forge::grind(&mut header);
                Work::Own(Box::new(template.block(header, coinbase)))
            }
        };
        self.machines[index].work = Some(work);
        let wait = self.random.below(most_ms);
        self.after(wait, Event::FoundWork { machine: index, life });
    }

    pub(super) fn found_work(&mut self, index: usize, life: u32) -> Result<(), Failure> {
        let machine = &mut self.machines[index];
        let Some(work) = machine.work.take().filter(|_| machine.life == life) else {
            return Ok(());
        };
        let tip = machine.tip().map(|tip| tip.hash);
        // A miner that hears of a new tip drops its work; one in five does not hear.
        if tip != Some(work.parent()) && !self.random.chance(200) {
            self.report.dropped_work += 1;
            return Ok(());
        }
        match work {
            Work::Own(block) => {
                let ticket = self.next_ticket;
                self.machines[index].submitted.insert(ticket, block.hash());
                self.act(index, Act::SubmitBlock { block: block.to_bytes() })?;
            }
            Work::Given(given, found) => self.hand_in(index, &given, found)?,
        }
        if self.phase == Phase::Active && self.report.mined >= self.plan.blocks {
            self.end_faults();
        }
        Ok(())
    }

    /// Hands in what was found for the standing miner's work: it becomes the tip if that is what it
    /// builds on, and is counted as stale and forgotten if not.
    fn hand_in(&mut self, index: usize, given: &Given, found: Found) -> Result<(), Failure> {
        let Some(before) = self.machines[index].tip().map(|tip| tip.hash) else { return Ok(()) };
        let stale = |world: &World| {
            let up = world.machines[index].up.as_ref();
            up.map_or(0, |up| up.node.view().mining.stale)
        };
        let (stale_before, newest) = (stale(self), self.machines[index].given.clone());
        let hash = given.block(&found).hash();
        self.step(index, Input::Mined(found))?;
        // The power may have gone meanwhile.
        let Some(after) = self.machines[index].tip().map(|tip| tip.hash) else { return Ok(()) };
        let alive = newest.is_some_and(|newest| newest.epoch < given.epoch + MAX_WORKS as u64);
        let wanted = before == given.template.prev && alive;
        if wanted && after == hash {
            self.report.mined += 1;
            self.machines[index].promised.push(hash);
        } else if !wanted && after == before && stale(self) == stale_before + 1 {
            self.report.stale += 1;
        } else {
            let what = if wanted { "good" } else { "stale" };
            let why = format!("machine {index}: {what} work {hash} on {before} leads to {after}");
            return Err(self.failure(why));
        }
        Ok(())
    }

    /// Work that is out builds on the tip, after every step.
    pub(super) fn check_work(&mut self, index: usize) -> Result<(), Failure> {
        let machine = &mut self.machines[index];
        let (Some(given), Some(up)) = (&machine.given, machine.up.as_mut()) else { return Ok(()) };
        let (on, tip) = (given.template.prev, up.node.chain().tip().hash);
        if on != tip {
            let why = format!("machine {index} has miners work on {on} while its tip is {tip}");
            return Err(self.failure(why));
        }
        Ok(())
    }

    pub(super) fn pay(&mut self) -> Result<(), Failure> {
        if self.phase != Phase::Active {
            return Ok(());
        }
        let pause = self.random.exponential(self.plan.pay_every_ms);
        self.after(pause, Event::Pay);
        if self.purses.is_empty() {
            return Ok(());
        }
        // Now and then a coin is spent twice, at two machines.
        let at = self.random.below(self.purses.len() as u64) as usize;
        let purse = match self.random.chance(900) {
            true => self.purses.swap_remove(at),
            false => self.purses[at],
        };
        self.pay_with(purse)?;
        Ok(())
    }

    /// Pays with a coin at some machine; gives the id if the machine took it.
    pub(super) fn pay_with(&mut self, purse: Purse) -> Result<Option<Txid>, Failure> {
        let Some(machine) = self.some_machine().filter(|_| purse.value.0 >= 20_000) else {
            return Ok(None);
        };
        let to = [self.random.below(16) as u16, self.random.below(16) as u16];
        let (tx, made) = purse.pay(to, 300 + self.random.below(3000) as i64);
        let txid = tx.txid();
        let act = Act::SubmitTransaction { tx: Arc::new(tx), most_rate: None };
        let paid = self.report.paid;
        self.act(machine, act)?;
        if self.report.paid == paid {
            return Ok(None);
        }
        self.purses.extend(made);
        Ok(Some(txid))
    }
}
