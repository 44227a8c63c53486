//! Lives of a journal: payments, replacements, reorganisations, lost pools, and crashes of either
//! side, against a small chain that takes each coin once.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use primitives::script::Script;
use primitives::tx::TxIn;

/// What a coin of the lives is worth, and what a payment costs at first.
const VALUE: i64 = 100_000;
const FEE: i64 = 1_000;

fn outpoint(number: u32) -> OutPoint {
    OutPoint { txid: Txid([1; 32]), vout: number }
}

/// A payment of `order` that spends coins, with a fee.
fn payment(coins: &[OutPoint], order: u32, fee: i64) -> Payment {
    let input = |prevout: &OutPoint| TxIn {
        prevout: *prevout,
        script_sig: Script::default(),
        sequence: 0,
        witness: vec![vec![1]],
    };
    let output =
        |value: i64, script: Vec<u8>| TxOut { value: Amount(value), script_pubkey: Script(script) };
    let paid = VALUE / 2;
    let all = VALUE * coins.len() as i64;
    let outputs =
        vec![output(paid, order.to_le_bytes().to_vec()), output(all - paid - fee, vec![0x51])];
    let inputs = coins.iter().map(input).collect();
    let tx = Transaction { version: 2, inputs, outputs, lock_time: order };
    let spent = coins.iter().map(|_| output(VALUE, vec![0x51])).collect();
    Payment::new(tx, spent, Some(1), State::Signed)
}

/// A chain of blocks and a pool, as strict as a node about coins.
#[derive(Default)]
struct World {
    blocks: Vec<Vec<Transaction>>,
    pool: Vec<Transaction>,
    down: bool,
}

fn coins_of(tx: &Transaction) -> impl Iterator<Item = OutPoint> {
    tx.inputs.iter().map(|input| input.prevout)
}

fn share(a: &Transaction, b: &Transaction) -> bool {
    coins_of(a).any(|coin| coins_of(b).any(|other| other == coin))
}

fn fee(tx: &Transaction) -> i64 {
    VALUE * tx.inputs.len() as i64 - tx.outputs.iter().map(|o| o.value.0).sum::<i64>()
}

impl World {
    fn chain(&self) -> impl Iterator<Item = &Transaction> {
        self.blocks.iter().flatten()
    }

    fn accept(&mut self, tx: &Transaction) -> Result<(), String> {
        if self.pool.contains(tx) {
            return Ok(());
        }
        if self.chain().any(|other| share(other, tx)) {
            return Err("missing inputs".to_owned());
        }
        if self.pool.iter().any(|other| share(other, tx) && fee(other) >= fee(tx)) {
            return Err("the pool has one that pays more".to_owned());
        }
        self.pool.retain(|other| !share(other, tx));
        self.pool.push(tx.clone());
        Ok(())
    }

    fn mine(&mut self, most: usize) {
        let until = most.min(self.pool.len());
        let block = self.pool.drain(..until).collect();
        self.blocks.push(block);
    }

    /// The last blocks go; half of what was in them comes back to the pool.
    fn reorganise(&mut self, depth: usize) {
        for _ in 0..depth.min(self.blocks.len()) {
            let block = self.blocks.pop().unwrap_or_default();
            for (at, tx) in block.into_iter().enumerate() {
                if at % 2 == 0 {
                    let _ = self.accept(&tx);
                }
            }
        }
    }
}

/// The node is away.
#[derive(Debug)]
struct Away;

impl Node for World {
    type Error = Away;

    fn seen(&mut self, txid: &Txid) -> Result<Seen, Away> {
        if self.down {
            return Err(Away);
        }
        let tip = self.blocks.len() as u32;
        let at = self.blocks.iter().position(|block| block.iter().any(|tx| tx.txid() == *txid));
        Ok(match at {
            Some(height) => Seen::Block { depth: tip - height as u32 },
            None if self.pool.iter().any(|tx| tx.txid() == *txid) => Seen::Pool,
            None => Seen::Absent,
        })
    }

    fn send(&mut self, tx: &Transaction) -> Result<Result<(), String>, Away> {
        if self.down { Err(Away) } else { Ok(self.accept(tx)) }
    }
}

fn reread(journal: &Journal) -> Journal {
    Journal::from_json(&journal.to_json()).expect("our own")
}

#[test]
fn a_payment_from_draft_to_depth() {
    let mut world = World::default();
    let mut journal = Journal::default();
    let mut draft = payment(&[outpoint(1)], 1, FEE);
    draft.state = State::Draft;
    let txid = draft.txid();
    journal.record(draft.clone()).expect("taken");
    assert!(!journal.follow(&mut world).expect("there"));
    assert!(world.pool.is_empty(), "a draft is not sent");
    // Two proposals never share a coin.
    let second = payment(&[outpoint(2), outpoint(1)], 2, FEE);
    let taken = JournalError::CoinTaken { outpoint: outpoint(1), by: txid };
    assert_eq!(journal.record(second.clone()), Err(taken));
    journal.record(Payment { state: State::Signed, ..draft }).expect("its own draft");
    assert_eq!(journal.payments().len(), 1);
    assert!(journal.follow(&mut world).expect("there"));
    assert_eq!(journal.payments()[0].state, State::InPool);
    world.mine(9);
    for depth in 1..=FINAL_DEPTH {
        journal.follow(&mut world).expect("there");
        assert_eq!(journal.payments()[0].state, State::Confirmed { depth });
        world.blocks.push(Vec::new());
    }
    assert!(journal.unsettled().is_empty());
    assert!(matches!(journal.abandon(&txid, true), Err(JournalError::NotAbandoned { .. })));
    // Given up, a draft lets its coins go.
    let mut draft = second;
    draft.tx.inputs.truncate(1);
    draft.spent.truncate(1);
    draft.state = State::Draft;
    journal.record(draft.clone()).expect("taken");
    assert!(journal.reserved().contains(&outpoint(2)));
    journal.abandon(&draft.txid(), false).expect("a draft");
    assert!(!journal.reserved().contains(&outpoint(2)));
    assert_eq!(reread(&journal), journal);
}

/// Fault 4: the node is killed, its pool is gone; the payment is neither forgotten nor its coins free.
#[test]
fn a_payment_outlives_the_nodes_pool() {
    let mut world = World::default();
    let mut journal = Journal::default();
    let paid = payment(&[outpoint(1)], 1, FEE);
    journal.record(paid.clone()).expect("taken");
    world.accept(&paid.tx).expect("taken");
    journal.handed(&paid.txid()).expect("known");
    journal.follow(&mut world).expect("there");
    // kill -9, and a wallet that is opened from its file.
    world.pool.clear();
    let mut journal = reread(&journal);
    assert!(journal.reserved().contains(&outpoint(1)));
    assert!(journal.record(payment(&[outpoint(1)], 2, FEE)).is_err(), "not a second time");
    journal.follow(&mut world).expect("there");
    assert_eq!(world.pool, std::slice::from_ref(&paid.tx), "it is sent again");
    // While the node refuses, it is kept with the reason; a refused new payment is taken back.
    world.pool.clear();
    let thief = payment(&[outpoint(1)], 9, FEE);
    world.blocks.push(vec![thief.tx]);
    journal.follow(&mut world).expect("there");
    assert_eq!(journal.payments()[0].state, State::Dropped);
    assert_eq!(journal.payments()[0].note.as_deref(), Some("missing inputs"));
    journal.abandon(&paid.txid(), true).expect("its coins are gone");
    assert!(journal.reserved().is_empty());
}

#[test]
fn a_replacement_and_which_of_the_two_is_mined() {
    let mut journal = Journal::default();
    let old = payment(&[outpoint(1)], 1, FEE);
    let mut new = payment(&[outpoint(1), outpoint(2)], 1, 2 * FEE);
    new.replaces = Some(old.txid());
    let mut world = World::default();
    journal.record(old.clone()).expect("taken");
    journal.follow(&mut world).expect("there");
    journal.record(new.clone()).expect("it says what it replaces");
    assert_eq!(journal.get(&old.txid()).map(|p| p.state), Some(State::Replaced { by: new.txid() }));
    // Refused by the node: all is as it was.
    let mut refused = journal.clone();
    refused.take_back(&new.txid()).expect("known");
    refused.follow(&mut world).expect("there");
    assert_eq!(refused.get(&old.txid()).map(|p| p.state), Some(State::InPool));
    assert!(refused.get(&new.txid()).is_none());
    // A miner who saw the first alone.
    world.mine(9);
    journal.follow(&mut world).expect("there");
    assert_eq!(journal.get(&old.txid()).map(|p| p.state), Some(State::Confirmed { depth: 1 }));
    assert_eq!(journal.get(&new.txid()).map(|p| p.state), Some(State::Replaced { by: old.txid() }));
    // The block goes, and the second is mined.
    world = World::default();
    world.accept(&new.tx).expect("taken");
    world.mine(9);
    journal.follow(&mut world).expect("there");
    assert_eq!(journal.get(&new.txid()).map(|p| p.state), Some(State::Confirmed { depth: 1 }));
    assert_eq!(journal.get(&old.txid()).map(|p| p.state), Some(State::Replaced { by: new.txid() }));
}

/// A proposal that others finished and sent: seen where it is, and never sent unsigned.
#[test]
fn a_draft_that_others_finished() {
    let mut journal = Journal::default();
    let mut draft = payment(&[outpoint(1)], 1, FEE);
    let finished = draft.tx.clone();
    draft.tx.inputs[0].witness.clear();
    draft.state = State::Draft;
    journal.record(draft).expect("taken");
    let mut world = World::default();
    world.accept(&finished).expect("taken");
    journal.follow(&mut world).expect("there");
    assert_eq!(journal.payments()[0].state, State::InPool);
    world.pool.clear();
    journal.follow(&mut world).expect("there");
    assert_eq!(journal.payments()[0].state, State::Draft);
    assert!(world.pool.is_empty() && journal.reserved().contains(&outpoint(1)));
}

/// Files of the first format name transaction, coins and change alone.
#[test]
fn the_first_format_is_read() {
    let mut journal = Journal::default();
    journal.record(payment(&[outpoint(1)], 1, FEE)).expect("taken");
    let mut list = journal.to_json();
    for name in ["state", "time", "label", "replaces"] {
        list[0].as_object_mut().expect("an object").remove(name);
    }
    let read = Journal::from_json(&list).expect("read");
    assert_eq!(read.payments()[0].state, State::Sent);
    assert!(read.reserved().contains(&outpoint(1)));
    list[0]["state"] = json!("eaten");
    assert!(Journal::from_json(&list).is_none());
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    Pay(Vec<u8>),
    Bump(u8),
    /// The wallet dies after it wrote the payment down, before it is handed over.
    PayAndDie(u8),
    Follow,
    Mine(u8),
    Reorganise(u8),
    KillNode,
    Evict(u8),
    NodeAway(bool),
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 1..3).prop_map(Event::Pay),
        3 => any::<u8>().prop_map(Event::Bump),
        1 => any::<u8>().prop_map(Event::PayAndDie),
        4 => Just(Event::Follow),
        3 => any::<u8>().prop_map(Event::Mine),
        1 => (1u8..4).prop_map(Event::Reorganise),
        1 => Just(Event::KillNode),
        1 => any::<u8>().prop_map(Event::Evict),
        1 => any::<bool>().prop_map(Event::NodeAway),
        1 => Just(Event::Restart),
    ]
}

/// Every order is on the chain at most once.
fn paid_orders(world: &World) -> Vec<u32> {
    world.chain().map(|tx| tx.lock_time).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// 1,000 lives: no coin is paid twice, no payment is forgotten or paid twice, and in the end the
    /// journal says what the chain does.
    #[test]
    fn lives(events in proptest::collection::vec(event(), 1..80)) {
        let mut world = World::default();
        let mut journal = Journal::default();
        let mut orders = 0u32;
        for event in events {
            match event {
                Event::Pay(coins) => {
                    let coins: BTreeSet<OutPoint> =
                        coins.iter().map(|coin| outpoint(u32::from(coin % 24))).collect();
                    let coins: Vec<OutPoint> = coins.into_iter().collect();
                    // As the console does: only what is neither spoken for nor spent.
                    let spent = world.chain().any(|tx| coins_of(tx).any(|c| coins.contains(&c)));
                    let new = payment(&coins, orders + 1, FEE);
                    let taken = coins.iter().any(|coin| journal.reserved().contains(coin));
                    if spent && !taken {
                        continue;
                    }
                    let recorded = journal.record(new.clone());
                    prop_assert_eq!(recorded.is_err(), taken);
                    if recorded.is_ok() {
                        orders += 1;
                        if !world.down {
                            prop_assert_eq!(world.accept(&new.tx), Ok(()));
                            journal.handed(&new.txid()).expect("known");
                        }
                    }
                }
                Event::PayAndDie(coin) => {
                    let coins = [outpoint(u32::from(coin % 24))];
                    let spent = world.chain().any(|tx| coins_of(tx).any(|c| coins.contains(&c)));
                    if !spent && journal.record(payment(&coins, orders + 1, FEE)).is_ok() {
                        orders += 1;
                    }
                    journal = reread(&journal);
                }
                Event::Bump(which) => {
                    let open: Vec<Payment> = journal
                        .payments()
                        .iter()
                        .filter(|p| matches!(p.state, State::InPool | State::Sent | State::Dropped))
                        .cloned()
                        .collect();
                    let Some(old) = open.get(usize::from(which) % open.len().max(1)) else { continue };
                    let coins: Vec<OutPoint> = old.coins().collect();
                    let mut new = payment(&coins, old.tx.lock_time, fee(&old.tx) + FEE);
                    new.replaces = Some(old.txid());
                    journal.record(new.clone()).expect("it says what it replaces");
                    if world.down {
                        continue;
                    }
                    match world.accept(&new.tx) {
                        Ok(()) => journal.handed(&new.txid()).expect("known"),
                        Err(_) => journal.take_back(&new.txid()).expect("known"),
                    }
                }
                Event::Follow => {
                    let _ = journal.follow(&mut world);
                }
                Event::Mine(most) => world.mine(usize::from(most % 4)),
                Event::Reorganise(depth) => world.reorganise(usize::from(depth)),
                Event::KillNode => {
                    world.pool.clear();
                }
                Event::Evict(which) => {
                    if !world.pool.is_empty() {
                        let at = usize::from(which) % world.pool.len();
                        world.pool.remove(at);
                    }
                }
                Event::NodeAway(down) => world.down = down,
                Event::Restart => journal = reread(&journal),
            }
            // Open payments share no coin, but with what they replace.
            let mut held = BTreeSet::new();
            for open in journal.payments().iter().filter(|p| p.state.holds_coins()) {
                for coin in open.coins() {
                    prop_assert!(held.insert(coin), "{coin} is held twice");
                }
            }
            let mut paid = paid_orders(&world);
            paid.sort_unstable();
            let count = paid.len();
            paid.dedup();
            prop_assert_eq!(paid.len(), count, "an order was paid twice");
        }
        // The node comes back and mines until nothing is left to do.
        world.down = false;
        for _ in 0..4 {
            journal.follow(&mut world).expect("there");
            world.mine(usize::MAX);
        }
        journal.follow(&mut world).expect("there");
        let mut paid = paid_orders(&world);
        paid.sort_unstable();
        prop_assert_eq!(paid, (1..=orders).collect::<Vec<u32>>(), "a payment was forgotten");
        for payment in journal.payments() {
            let on_chain = world.chain().any(|tx| *tx == payment.tx);
            let told = matches!(payment.state, State::Confirmed { .. });
            prop_assert_eq!(told, on_chain, "{:?}", payment.state);
        }
    }
}

/// A node that never errs at asking needs no error.
#[test]
fn errors_of_the_node_pass_through() {
    struct Empty;
    impl Node for Empty {
        type Error = Infallible;
        fn seen(&mut self, _: &Txid) -> Result<Seen, Infallible> {
            Ok(Seen::Absent)
        }
        fn send(&mut self, _: &Transaction) -> Result<Result<(), String>, Infallible> {
            Ok(Err("no".to_owned()))
        }
    }
    let mut journal = Journal::default();
    journal.record(payment(&[outpoint(1)], 1, FEE)).expect("taken");
    assert!(matches!(journal.follow(&mut Empty), Ok(true)));
    assert_eq!(journal.payments()[0].state, State::Signed);
    let mut world = World { down: true, ..World::default() };
    assert!(matches!(journal.follow(&mut world), Err(Away)));
}
