//! Spends from a seed: mostly sensible scripts of every kind with real signatures, then spoilt a
//! little.

use crypto::curve::tweak_x_only;
use crypto::hash::{hash160, sha256};
use primitives::amount::Amount;
use primitives::codec::put_var_bytes;
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxIn, TxOut};
use script::flags::ScriptFlags;
use script::instruction::{push_data, push_minimal, push_number};
use script::opcode::*;
use script::sighash::{TaprootContext, TxMidstate};
use script::verify::{tap_branch_hash, tap_leaf_hash, tap_tweak_hash};
use k256::ecdsa::signature::hazmat::PrehashSigner;

/// The flags that Core's library takes.
pub const LIBRARY_FLAGS: [ScriptFlags; 7] = [
    ScriptFlags::P2SH,
    ScriptFlags::DERSIG,
    ScriptFlags::NULLDUMMY,
    ScriptFlags::CHECKLOCKTIMEVERIFY,
    ScriptFlags::CHECKSEQUENCEVERIFY,
    ScriptFlags::WITNESS,
    ScriptFlags::TAPROOT,
];

/// One spend to judge.
#[derive(Debug, Clone)]
pub struct Case {
    pub kind: Kind,
    pub tx: Transaction,
    pub spent: Vec<TxOut>,
    pub input: usize,
    pub flags: ScriptFlags,
}

/// What kind of output is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Bare,
    P2sh,
    P2wsh,
    P2shP2wsh,
    P2wpkh,
    TaprootKey,
    TaprootScript,
    OtherProgram,
}

const KINDS: [Kind; 10] = [
    Kind::Bare,
    Kind::Bare,
    Kind::P2sh,
    Kind::P2wsh,
    Kind::P2shP2wsh,
    Kind::P2wpkh,
    Kind::TaprootKey,
    Kind::TaprootScript,
    Kind::TaprootScript,
    Kind::OtherProgram,
];

/// Numbers from a seed (SplitMix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

struct Key {
    ecdsa: k256::ecdsa::SigningKey,
    schnorr: k256::schnorr::SigningKey,
}

impl Key {
    fn compressed(&self) -> Vec<u8> {
        self.ecdsa.verifying_key().to_sec1_point(true).as_bytes().to_vec()
    }

    fn full(&self) -> Vec<u8> {
        self.ecdsa.verifying_key().to_sec1_point(false).as_bytes().to_vec()
    }

    fn x_only(&self) -> [u8; 32] {
        self.schnorr.verifying_key().to_bytes().into()
    }
}

/// How a script is run, as far as its making depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    Base,
    WitnessV0,
    Tapscript,
}

/// A check for which a signature is put on the stack.
#[derive(Clone)]
struct Wanted {
    key: usize,
    /// Where the code that it covers starts, and the opcode place of the separator before it.
    code_start: usize,
    separator: u32,
}

/// A script and what it wants to find on the stack, the first element to be used first.
struct Built {
    script: Vec<u8>,
    wants: Vec<Want>,
}

#[derive(Clone)]
enum Want {
    Signature(Wanted),
    Bytes(Vec<u8>),
}

/// Makes cases.
pub struct Generator {
    pub rng: Rng,
    keys: Vec<Key>,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        let key = |n: u8| {
            let secret = sha256(&[n]);
            Key {
                ecdsa: k256::ecdsa::SigningKey::from_slice(&secret).expect("a scalar"),
                schnorr: k256::schnorr::SigningKey::from_slice(&secret).expect("a scalar"),
            }
        };
        Generator { rng: Rng(seed), keys: (1..6).map(key).collect() }
    }

    pub fn case(&mut self) -> Case {
        let (mut tx, mut spent) = self.transaction();
        let input = self.rng.below(tx.inputs.len());
        let kind = self.rng.pick(&KINDS);
        match kind {
            Kind::Bare | Kind::P2sh => self.base(kind, &mut tx, &mut spent, input),
            Kind::P2wsh | Kind::P2shP2wsh | Kind::P2wpkh => {
                self.witness_v0(kind, &mut tx, &mut spent, input);
            }
            Kind::TaprootKey => self.taproot_key(&mut tx, &mut spent, input),
            Kind::TaprootScript => self.taproot_script(&mut tx, &mut spent, input),
            Kind::OtherProgram => self.other_program(&mut tx, &mut spent, input),
        }
        if self.rng.once_in(4) {
            self.spoil(&mut tx, &mut spent, input);
        }
        Case { kind, tx, spent, input, flags: self.flags() }
    }

    fn flags(&mut self) -> ScriptFlags {
        if !self.rng.once_in(3) {
            return ScriptFlags::CONSENSUS;
        }
        let mut flags = ScriptFlags::NONE;
        for flag in LIBRARY_FLAGS {
            if !self.rng.once_in(4) {
                flags |= flag;
            }
        }
        if flags.has(ScriptFlags::TAPROOT) {
            flags |= ScriptFlags::WITNESS;
        }
        if flags.has(ScriptFlags::WITNESS) {
            flags |= ScriptFlags::P2SH;
        }
        flags
    }

    fn transaction(&mut self) -> (Transaction, Vec<TxOut>) {
        let count = 1 + self.rng.below(3);
        let sequences = [u32::MAX, u32::MAX - 1, 0, 5, 1 << 22 | 5, 1 << 31, 0xffff];
        let inputs = (0..count)
            .map(|vout| TxIn {
                prevout: OutPoint { txid: Txid(sha256(&[vout as u8])), vout: vout as u32 },
                script_sig: Script::default(),
                sequence: self.rng.pick(&sequences),
                witness: vec![],
            })
            .collect();
        let output = |rng: &mut Rng| TxOut {
            value: Amount(rng.below(1 << 30) as i64),
            script_pubkey: Script::new(vec![0x51; rng.below(4)]),
        };
        let outputs = (0..self.rng.below(4)).map(|_| output(&mut self.rng)).collect();
        let spent = (0..count).map(|_| output(&mut self.rng)).collect();
        let version = self.rng.pick(&[1, 2, 2, 3, 0, u32::MAX]);
        let lock_time = self.rng.pick(&[0, 10, 499_999_999, 500_000_000, 500_000_010, u32::MAX]);
        (Transaction { version, inputs, outputs, lock_time }, spent)
    }

    fn base(&mut self, kind: Kind, tx: &mut Transaction, spent: &mut [TxOut], input: usize) {
        let built = self.script(Under::Base);
        let mut script_pubkey = built.script.clone();
        if kind == Kind::P2sh {
            script_pubkey = p2sh(&built.script);
        }
        spent[input].script_pubkey = Script::new(script_pubkey);
        let stack = self.fulfil(&built, tx, spent, input, Under::Base, None, None);
        let mut script_sig = vec![];
        for element in &stack {
            let exact: fn(&mut Vec<u8>, &[u8]) = push_minimal;
            let push = if self.rng.once_in(20) { push_data } else { exact };
            push(&mut script_sig, element);
        }
        if kind == Kind::P2sh {
            push_data(&mut script_sig, &built.script);
        }
        tx.inputs[input].script_sig = Script::new(script_sig);
        if self.rng.once_in(50) {
            tx.inputs[input].witness = vec![vec![1]];
        }
    }

    fn witness_v0(&mut self, kind: Kind, tx: &mut Transaction, spent: &mut [TxOut], input: usize) {
        let key = self.rng.below(self.keys.len());
        let (program, mut witness);
        if kind == Kind::P2wpkh {
            let public = if self.rng.once_in(8) {
                self.keys[key].full()
            } else {
                self.keys[key].compressed()
            };
            let hash = hash160(&public);
            let code =
                [&[OP_DUP, OP_HASH160, 20][..], &hash, &[OP_EQUALVERIFY, OP_CHECKSIG]].concat();
            let wanted = Wanted { key, code_start: 0, separator: u32::MAX };
            let built = Built { script: code, wants: vec![Want::Signature(wanted)] };
            witness = self.fulfil(&built, tx, spent, input, Under::WitnessV0, None, None);
            witness.push(public);
            program = [&[0, 20][..], &hash].concat();
        } else {
            let built = self.script(Under::WitnessV0);
            witness = self.fulfil(&built, tx, spent, input, Under::WitnessV0, None, None);
            program = [&[0, 32][..], &sha256(&built.script)].concat();
            witness.push(built.script);
        }
        let nested = kind == Kind::P2shP2wsh || (kind == Kind::P2wpkh && self.rng.once_in(3));
        if nested {
            let mut script_sig = vec![];
            push_data(&mut script_sig, &program);
            if self.rng.once_in(30) {
                script_sig.insert(0, OP_1);
            }
            tx.inputs[input].script_sig = Script::new(script_sig);
        }
        let script_pubkey = if nested { p2sh(&program) } else { program };
        spent[input].script_pubkey = Script::new(script_pubkey);
        tx.inputs[input].witness = witness;
    }

    fn annex(&mut self) -> Option<Vec<u8>> {
        self.rng.once_in(6).then(|| {
            let length = self.rng.below(20);
            [&[0x50][..], &self.rng.bytes(length)].concat()
        })
    }

    fn taproot_key(&mut self, tx: &mut Transaction, spent: &mut [TxOut], input: usize) {
        let key = self.rng.below(self.keys.len());
        let program = [&[OP_1, 32][..], &self.keys[key].x_only()].concat();
        spent[input].script_pubkey = Script::new(program);
        let annex = self.annex();
        let wanted = Wanted { key, code_start: 0, separator: u32::MAX };
        let built = Built { script: vec![], wants: vec![Want::Signature(wanted)] };
        let under = Under::Tapscript;
        let mut witness = self.fulfil(&built, tx, spent, input, under, annex.as_deref(), None);
        witness.extend(annex);
        tx.inputs[input].witness = witness;
    }

    fn taproot_script(&mut self, tx: &mut Transaction, spent: &mut [TxOut], input: usize) {
        let built = self.script(Under::Tapscript);
        let leaf_version = if self.rng.once_in(12) { self.rng.next() as u8 & 0xfe } else { 0xc0 };
        let leaf = tap_leaf_hash(leaf_version, &built.script);
        let mut root = leaf;
        let mut path = vec![];
        for _ in 0..self.rng.below(4) {
            let node = sha256(&self.rng.bytes(8));
            root = tap_branch_hash(&root, &node);
            path.extend_from_slice(&node);
        }
        let key = self.rng.below(self.keys.len());
        let internal = self.keys[key].x_only();
        let tweaked = tweak_x_only(&internal, &tap_tweak_hash(&internal, Some(&root)));
        let (output_key, odd) = tweaked.expect("a key");
        spent[input].script_pubkey = Script::new([&[OP_1, 32][..], &output_key].concat());
        let annex = self.annex();
        let under = Under::Tapscript;
        let mut witness =
            self.fulfil(&built, tx, spent, input, under, annex.as_deref(), Some(leaf));
        witness.push(built.script);
        witness.push([&[leaf_version | u8::from(odd)][..], &internal, &path].concat());
        witness.extend(annex);
        tx.inputs[input].witness = witness;
    }

    fn other_program(&mut self, tx: &mut Transaction, spent: &mut [TxOut], input: usize) {
        let length = self.rng.pick(&[1, 2, 19, 20, 21, 32, 33, 40, 41]);
        let version = small_number(self.rng.below(17) as u8);
        let mut script = vec![version];
        push_data(&mut script, &self.rng.bytes(length));
        if self.rng.once_in(10) {
            script = vec![OP_1, 2, 0x4e, 0x73];
        }
        if self.rng.once_in(3) {
            let mut script_sig = vec![];
            push_data(&mut script_sig, &script);
            tx.inputs[input].script_sig = Script::new(script_sig);
            script = p2sh(&script);
        }
        spent[input].script_pubkey = Script::new(script);
        if self.rng.once_in(2) {
            let count = self.rng.below(4);
            tx.inputs[input].witness = (0..count).map(|_| self.rng.bytes(5)).collect();
        }
    }

    /// What `built` wants, the first at the top of the stack.
    #[allow(clippy::too_many_arguments)]
    fn fulfil(
        &mut self,
        built: &Built,
        tx: &Transaction,
        spent: &[TxOut],
        input: usize,
        under: Under,
        annex: Option<&[u8]>,
        leaf: Option<[u8; 32]>,
    ) -> Vec<Vec<u8>> {
        let midstate = TxMidstate::new(tx, spent);
        let annex_hash = annex.map(|annex| {
            let mut bytes = vec![];
            put_var_bytes(&mut bytes, annex);
            sha256(&bytes)
        });
        let mut stack: Vec<Vec<u8>> = vec![];
        for want in &built.wants {
            stack.push(match want {
                Want::Bytes(bytes) => bytes.clone(),
                Want::Signature(wanted) if under == Under::Tapscript => {
                    let leaf = leaf.map(|leaf| (leaf, wanted.separator));
                    let context = TaprootContext { annex_hash, leaf };
                    self.schnorr(&midstate, input, wanted.key, &context)
                }
                Want::Signature(wanted) => {
                    let code = &built.script[wanted.code_start..];
                    self.ecdsa(&midstate, input, wanted.key, code, under)
                }
            });
        }
        stack.reverse();
        stack
    }

    fn ecdsa(
        &mut self,
        midstate: &TxMidstate<'_>,
        input: usize,
        key: usize,
        code: &[u8],
        under: Under,
    ) -> Vec<u8> {
        let types = [1, 1, 1, 2, 3, 0x81, 0x82, 0x83, 0, 4, 0x41, 0xff];
        let hash_type = self.rng.pick(&types);
        let hash = match under {
            Under::WitnessV0 => {
                let amount = midstate.spent()[input].value.0;
                midstate.witness_v0(input, code, amount, u32::from(hash_type))
            }
            _ => midstate.legacy(input, code, u32::from(hash_type)),
        };
        let signature: k256::ecdsa::Signature =
            self.keys[key].ecdsa.sign_prehash(&hash).expect("a signature");
        let (r, s) = (signature.r().to_bytes(), signature.s().to_bytes());
        let s = if self.rng.once_in(6) { (-*signature.s()).to_bytes() } else { s };
        let mut der = self.der(&r, &s);
        der.push(hash_type);
        if self.rng.once_in(12) { vec![] } else { der }
    }

    /// DER, sometimes padded or with odd lengths.
    fn der(&mut self, r: &[u8], s: &[u8]) -> Vec<u8> {
        let odd = self.rng.once_in(10);
        let mut integers = vec![];
        for number in [r, s] {
            let zeros = number.iter().take_while(|b| **b == 0).count();
            let mut digits = number[zeros..].to_vec();
            if digits.first().is_none_or(|b| b & 0x80 != 0) && !(odd && self.rng.once_in(3)) {
                digits.insert(0, 0);
            }
            if odd && self.rng.once_in(3) {
                digits.insert(0, 0);
            }
            integers.push(2);
            if odd && self.rng.once_in(3) {
                integers.extend_from_slice(&[0x82, 0, digits.len() as u8]);
            } else {
                integers.push(digits.len() as u8);
            }
            integers.extend_from_slice(&digits);
        }
        let mut der = vec![0x30];
        if odd && self.rng.once_in(3) {
            der.push(0x81);
        }
        der.push(integers.len() as u8);
        der.extend_from_slice(&integers);
        if odd && self.rng.once_in(3) {
            der.push(7);
        }
        der
    }

    fn schnorr(
        &mut self,
        midstate: &TxMidstate<'_>,
        input: usize,
        key: usize,
        context: &TaprootContext,
    ) -> Vec<u8> {
        let types = [0, 0, 0, 1, 2, 3, 0x81, 0x82, 0x83];
        let hash_type = self.rng.pick(&types);
        let hash = midstate.taproot(input, hash_type, context).unwrap_or([7; 32]);
        let signature = self.keys[key].schnorr.sign_raw(&hash, &[3; 32]).expect("a signature");
        let mut bytes = signature.to_bytes().to_vec();
        if hash_type != 0 || self.rng.once_in(30) {
            bytes.push(hash_type);
        }
        if self.rng.once_in(12) { vec![] } else { bytes }
    }

    /// A script of a few parts, each of which leaves the stack as it found it but for what it
    /// wants; mostly true at the end.
    fn script(&mut self, under: Under) -> Built {
        let mut built = Built { script: vec![], wants: vec![] };
        let mut state = Wanted { key: 0, code_start: 0, separator: u32::MAX };
        let mut opcodes = 0u32;
        for _ in 0..1 + self.rng.below(4) {
            let before = built.script.len();
            match self.rng.below(9) {
                0 if self.rng.once_in(2) => {
                    built.script.push(OP_CODESEPARATOR);
                    state.code_start = built.script.len();
                    state.separator = opcodes;
                }
                0..=2 => self.one_signature(&mut built, &state, under),
                3 if under != Under::Tapscript => self.multisig(&mut built, &state),
                3 => self.signature_sum(&mut built, &state),
                4 => self.locks(&mut built),
                5 => self.hash_lock(&mut built),
                6 => self.branch(&mut built),
                7 => self.arithmetic(&mut built),
                _ => self.noise(&mut built, under),
            }
            let made = script::instruction::instructions(&built.script[before..]);
            opcodes += made.count() as u32;
        }
        if !self.rng.once_in(8) {
            built.script.push(OP_1);
        }
        built
    }

    fn public_key(&mut self, key: usize, under: Under) -> Vec<u8> {
        if under == Under::Tapscript {
            let other = self.rng.once_in(12);
            return if other {
                self.keys[key].compressed()
            } else {
                self.keys[key].x_only().to_vec()
            };
        }
        match self.rng.below(10) {
            0 => self.keys[key].full(),
            1 => {
                let mut hybrid = self.keys[key].full();
                hybrid[0] = 6 | hybrid[64] & 1;
                if self.rng.once_in(3) {
                    hybrid[0] ^= 1;
                }
                hybrid
            }
            _ => self.keys[key].compressed(),
        }
    }

    fn one_signature(&mut self, built: &mut Built, state: &Wanted, under: Under) {
        let key = self.rng.below(self.keys.len());
        let public = self.public_key(key, under);
        push_data(&mut built.script, &public);
        if self.rng.once_in(2) {
            built.script.push(OP_CHECKSIGVERIFY);
        } else {
            built.script.push(OP_CHECKSIG);
            built.script.push(self.rng.pick(&[OP_VERIFY, OP_VERIFY, OP_DROP, OP_NOT]));
            if built.script.last() == Some(&OP_NOT) {
                built.script.push(OP_DROP);
            }
        }
        built.wants.push(Want::Signature(Wanted { key, ..state.clone() }));
    }

    fn multisig(&mut self, built: &mut Built, state: &Wanted) {
        let keys = self.rng.below(5);
        let sigs = self.rng.below(keys + 1);
        let chosen: Vec<usize> = (0..keys).map(|_| self.rng.below(self.keys.len())).collect();
        push_number(&mut built.script, sigs as i64);
        for key in &chosen {
            let public = self.public_key(*key, Under::Base);
            push_data(&mut built.script, &public);
        }
        push_number(&mut built.script, keys as i64);
        built.script.push(self.rng.pick(&[OP_CHECKMULTISIG, OP_CHECKMULTISIGVERIFY]));
        if built.script.last() == Some(&OP_CHECKMULTISIG) {
            built.script.push(OP_DROP);
        }
        // The last signature is nearest the top.
        let mut first = keys - sigs;
        if self.rng.once_in(4) {
            first = 0;
        }
        for at in (first..first + sigs).rev() {
            built.wants.push(Want::Signature(Wanted { key: chosen[at], ..state.clone() }));
        }
        let dummy = if self.rng.once_in(10) { vec![1] } else { vec![] };
        built.wants.push(Want::Bytes(dummy));
    }

    fn signature_sum(&mut self, built: &mut Built, state: &Wanted) {
        let count = 1 + self.rng.below(3);
        built.script.push(OP_0);
        for _ in 0..count {
            let key = self.rng.below(self.keys.len());
            let public = self.public_key(key, Under::Tapscript);
            // ( sig n -- n sig key ) as the opcode takes them: sig n key.
            push_data(&mut built.script, &public);
            built.script.push(OP_CHECKSIGADD);
            built.wants.push(Want::Signature(Wanted { key, ..state.clone() }));
        }
        push_number(&mut built.script, count as i64);
        built.script.push(self.rng.pick(&[OP_NUMEQUALVERIFY, OP_2DROP, OP_EQUALVERIFY]));
    }

    fn locks(&mut self, built: &mut Built) {
        let values =
            [0, 1, 5, 10, 11, 499_999_999, 500_000_000, 1 << 22 | 5, 1 << 31, -1, 0xffff_ffff];
        push_number(&mut built.script, self.rng.pick(&values));
        built.script.push(self.rng.pick(&[OP_CHECKLOCKTIMEVERIFY, OP_CHECKSEQUENCEVERIFY]));
        built.script.push(OP_DROP);
    }

    fn hash_lock(&mut self, built: &mut Built) {
        let length = self.rng.pick(&[0, 1, 32, 80, 300, 520, 521]);
        let secret = self.rng.bytes(length);
        let (opcode, hash) = match self.rng.below(3) {
            0 => (OP_SHA256, sha256(&secret).to_vec()),
            1 => (OP_HASH160, hash160(&secret).to_vec()),
            _ => (OP_HASH256, crypto::hash::sha256d(&secret).to_vec()),
        };
        built.script.extend_from_slice(&[OP_SIZE, OP_DROP, opcode]);
        push_data(&mut built.script, &hash);
        built.script.push(OP_EQUALVERIFY);
        built.wants.push(Want::Bytes(secret));
    }

    fn branch(&mut self, built: &mut Built) {
        let conditions: [&[u8]; 7] = [&[1], &[], &[2], &[0], &[0x80], &[1, 0], &[1]];
        let condition = self.rng.pick(&conditions).to_vec();
        let opcode = self.rng.pick(&[OP_IF, OP_IF, OP_NOTIF]);
        let inner = self.rng.pick(&[
            OP_NOP,
            OP_RETURN,
            OP_VERIF,
            OP_CAT,
            OP_RESERVED,
            OP_NOP,
            OP_CODESEPARATOR,
        ]);
        built.script.extend_from_slice(&[opcode, inner, OP_ELSE]);
        if self.rng.once_in(4) {
            built.script.extend_from_slice(&[OP_NOP, OP_ELSE]);
        }
        built.script.extend_from_slice(&[OP_1, OP_DROP]);
        if !self.rng.once_in(15) {
            built.script.push(OP_ENDIF);
        }
        built.wants.push(Want::Bytes(condition));
    }

    fn arithmetic(&mut self, built: &mut Built) {
        let values = [0, 1, -1, 2, 127, 128, 255, 256, 0x7fff_ffff, -0x7fff_ffff, 0x8000_0000];
        for _ in 0..3 {
            push_number(&mut built.script, self.rng.pick(&values));
        }
        let unary = self.rng.pick(&[OP_1ADD, OP_1SUB, OP_NEGATE, OP_ABS, OP_NOT, OP_0NOTEQUAL]);
        let binary = self.rng.pick(&[
            OP_ADD,
            OP_SUB,
            OP_BOOLAND,
            OP_BOOLOR,
            OP_NUMEQUAL,
            OP_NUMNOTEQUAL,
            OP_LESSTHAN,
            OP_GREATERTHAN,
            OP_LESSTHANOREQUAL,
            OP_GREATERTHANOREQUAL,
            OP_MIN,
            OP_MAX,
            OP_EQUAL,
        ]);
        match self.rng.below(3) {
            0 => built.script.extend_from_slice(&[unary, binary, binary]),
            1 => built.script.push(OP_WITHIN),
            _ => built.script.extend_from_slice(&[binary, unary, OP_SWAP, OP_DROP]),
        }
        built.script.push(self.rng.pick(&[OP_DROP, OP_DROP, OP_VERIFY, OP_IFDUP]));
    }

    /// Opcodes as they come, over a few elements.
    fn noise(&mut self, built: &mut Built, under: Under) {
        for _ in 0..4 + self.rng.below(4) {
            let value = self.rng.below(6) as i64 - 1;
            push_number(&mut built.script, value);
        }
        for _ in 0..self.rng.below(6) {
            let opcode = match self.rng.below(12) {
                0 => self.rng.next() as u8,
                1..=3 => {
                    self.rng.pick(&[OP_PICK, OP_ROLL, OP_DEPTH, OP_TOALTSTACK, OP_FROMALTSTACK])
                }
                _ => OP_2DROP + self.rng.below(usize::from(OP_WITHIN - OP_2DROP)) as u8,
            };
            let row = &TABLE[usize::from(opcode)];
            let fails = row.kind == script::opcode::Kind::Disabled
                || (under == Under::Tapscript && row.success);
            if !fails || self.rng.once_in(10) {
                built.script.push(opcode);
            }
        }
    }

    /// Changes something small.
    fn spoil(&mut self, tx: &mut Transaction, spent: &mut [TxOut], input: usize) {
        let flip = |rng: &mut Rng, bytes: &mut Vec<u8>| {
            if !bytes.is_empty() {
                let at = rng.below(bytes.len());
                match rng.below(4) {
                    0 => bytes[at] = rng.next() as u8,
                    1 => {
                        bytes.remove(at);
                    }
                    2 => bytes.insert(at, rng.next() as u8),
                    _ => bytes[at] ^= 1 << rng.below(8),
                }
            }
        };
        let rng = &mut self.rng;
        let witness = &mut tx.inputs[input].witness;
        match rng.below(8) {
            0 => flip(rng, &mut tx.inputs[input].script_sig.0),
            1 => flip(rng, &mut spent[input].script_pubkey.0),
            2..=4 if !witness.is_empty() => {
                let at = rng.below(witness.len());
                flip(rng, &mut witness[at]);
            }
            5 if !witness.is_empty() => {
                let at = rng.below(witness.len());
                witness.remove(at);
            }
            6 => witness.push(vec![0x50; rng.below(3)]),
            _ => spent[input].value.0 ^= 1,
        }
    }
}

fn p2sh(redeem: &[u8]) -> Vec<u8> {
    [&[OP_HASH160, 20][..], &hash160(redeem), &[OP_EQUAL]].concat()
}
