//! Output descriptors (BIP380 to BIP386, BIP389) with public keys: text in, text with checksum
//! out, and the scripts they stand for. The vaults are three fixed Miniscript shapes.

use std::fmt;

use bip32::XPub;

use super::keys::{KeyError, KeyOrigin, Master, derive_public, parse_step, parse_xpub, show_xpub};
use super::vault::{self, Lock, VaultScript};
use crypto::curve::tweak_x_only;
use crypto::hash::{hash160, sha256};
use crypto::sign::is_compressed_key;
use primitives::address::Address;
use primitives::fee::Weight;
use primitives::hex;
use primitives::network::NetworkParams;
use primitives::script::Script;
use script::instruction::{push_data, push_number};
use script::opcode::OP_CHECKMULTISIG;
use script::verify::tap_tweak_hash;

/// Longest descriptor that is read, in bytes.
const MAX_TEXT: usize = 8192;

/// Most keys of a multisig (BIP380: 15 by policy in P2SH, Core's limit in P2WSH is 20).
pub const MAX_KEYS: usize = 15;

/// Why a text is no descriptor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    #[error("the descriptor's checksum is {found}, it should be {wanted}: a character is wrong")]
    Checksum { found: String, wanted: String },
    #[error("character {position} of the descriptor is not allowed")]
    Character { position: usize },
    #[error("the descriptor is over {MAX_TEXT} characters")]
    TooLong,
    #[error("the descriptor can't be read at {rest:?}: {wanted} belongs there")]
    Syntax { rest: String, wanted: &'static str },
    #[error(
        "a {required}-of-{keys} multisig can't be: at most {MAX_KEYS} keys, from 1 to all of them must sign"
    )]
    Threshold { required: usize, keys: usize },
    #[error("the same key stands twice in the multisig: one signer would fill two seats")]
    RepeatedKey,
    #[error("the branches of the keys differ in number")]
    Branches,
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// One step of what follows a key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Number(u32),
    /// `<0;1>`: one of several (BIP389).
    Branch(Vec<u32>),
    /// `*`
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyBody {
    Extended(Box<XPub>),
    Plain([u8; 33]),
}

/// A key with its origin and what is derived from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyExpr {
    origin: Option<KeyOrigin>,
    body: KeyBody,
    steps: Vec<Step>,
}

impl KeyExpr {
    /// An account's key: its origin, and `/<0;1>/*` after it.
    pub fn account(origin: KeyOrigin, key: XPub) -> KeyExpr {
        let steps = vec![Step::Branch(vec![0, 1]), Step::Any];
        KeyExpr { origin: Some(origin), body: KeyBody::Extended(Box::new(key)), steps }
    }

    /// One key at one place of an account.
    pub fn single(origin: KeyOrigin, key: [u8; 33]) -> KeyExpr {
        KeyExpr { origin: Some(origin), body: KeyBody::Plain(key), steps: Vec::new() }
    }

    /// Reads a key expression; an account key without steps gets `/<0;1>/*`.
    pub fn parse_cosigner(
        text: &str,
        params: &'static NetworkParams,
    ) -> Result<KeyExpr, DescriptorError> {
        let mut parser = Parser { rest: text.trim(), params };
        let mut key = parser.key()?;
        parser.end()?;
        if key.steps.is_empty() && matches!(key.body, KeyBody::Extended(_)) {
            key.steps = vec![Step::Branch(vec![0, 1]), Step::Any];
        }
        Ok(key)
    }

    /// The key as a cosigner hands it to the others: `[origin]key`, without steps.
    pub fn show_cosigner(&self, params: &NetworkParams) -> String {
        KeyExpr { steps: Vec::new(), ..self.clone() }.show(params)
    }

    pub fn origin(&self) -> Option<&KeyOrigin> {
        self.origin.as_ref()
    }

    /// The key itself, without what is derived from it.
    pub fn public_key(&self) -> [u8; 33] {
        match &self.body {
            KeyBody::Extended(key) => key.to_bytes(),
            KeyBody::Plain(key) => *key,
        }
    }

    /// Whether the owner of `master` has this key at `path`: public key and, of an extended key,
    /// chain code. Depth, parent and number are not compared: nothing authenticates them.
    pub fn is_key_at(&self, master: &Master, path: &[u32]) -> Result<bool, KeyError> {
        let own = master.xpub(path)?;
        let same_code = match &self.body {
            KeyBody::Extended(key) => key.attrs().chain_code == own.attrs().chain_code,
            KeyBody::Plain(_) => true,
        };
        Ok(same_code && own.to_bytes() == self.public_key())
    }

    /// Fingerprint and path under which its owner is asked for keys; a key without an origin is its
    /// own root.
    pub fn base(&self) -> KeyOrigin {
        let own = || KeyOrigin { fingerprint: self.fingerprint(), path: Vec::new() };
        self.origin.clone().unwrap_or_else(own)
    }

    fn branches(&self) -> usize {
        let of = |step: &Step| if let Step::Branch(numbers) = step { numbers.len() } else { 0 };
        self.steps.iter().map(of).max().unwrap_or(0)
    }

    pub(crate) fn is_ranged(&self) -> bool {
        self.steps.contains(&Step::Any)
    }

    /// What is shared by all indices of a branch.
    fn prepare(&self, branch: usize) -> Result<PreparedKey, KeyError> {
        let mut path = Vec::new();
        let mut tail = Vec::new();
        let mut past_any = false;
        for step in &self.steps {
            match step {
                Step::Any => past_any = true,
                Step::Number(number) if past_any => tail.push(*number),
                Step::Number(number) => path.push(*number),
                Step::Branch(numbers) => {
                    let number = numbers.get(branch).copied().ok_or(KeyError::Derivation)?;
                    if past_any { tail.push(number) } else { path.push(number) }
                }
            }
        }
        let (fingerprint, mut whole) = match &self.origin {
            Some(origin) => (origin.fingerprint, origin.path.clone()),
            None => (self.fingerprint(), Vec::new()),
        };
        whole.extend_from_slice(&path);
        let body = match &self.body {
            KeyBody::Extended(key) => KeyBody::Extended(Box::new(derive_public(key, &path)?)),
            plain @ KeyBody::Plain(_) => plain.clone(),
        };
        let origin = KeyOrigin { fingerprint, path: whole };
        Ok(PreparedKey { origin, body, any: past_any, tail })
    }

    fn fingerprint(&self) -> [u8; 4] {
        match &self.body {
            KeyBody::Extended(key) => key.fingerprint(),
            KeyBody::Plain(key) => {
                let hash = hash160(key);
                [hash[0], hash[1], hash[2], hash[3]]
            }
        }
    }

    fn show(&self, params: &NetworkParams) -> String {
        let mut text = String::new();
        if let Some(origin) = &self.origin {
            text.push_str(&format!("[{origin}]"));
        }
        match &self.body {
            KeyBody::Extended(key) => text.push_str(&show_xpub(key, params)),
            KeyBody::Plain(key) => text.push_str(&hex::encode(key)),
        }
        for step in &self.steps {
            match step {
                Step::Number(number) => text.push_str(&format!("/{number}")),
                Step::Any => text.push_str("/*"),
                Step::Branch(numbers) => {
                    let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
                    text.push_str(&format!("/<{}>", list.join(";")));
                }
            }
        }
        text
    }
}

struct PreparedKey {
    origin: KeyOrigin,
    body: KeyBody,
    any: bool,
    tail: Vec<u32>,
}

impl PreparedKey {
    /// The index at which this key stands at an origin, if it ever does.
    fn index_of(&self, origin: &KeyOrigin) -> Option<u32> {
        if origin.fingerprint != self.origin.fingerprint {
            return None;
        }
        let rest = origin.path.strip_prefix(&self.origin.path[..])?;
        let (index, tail) = match (self.any, rest) {
            (true, [index, tail @ ..]) => (*index, tail),
            (true, []) => return None,
            (false, tail) => (0, tail),
        };
        (tail == self.tail).then_some(index)
    }

    fn at(&self, index: u32) -> Result<DerivedKey, KeyError> {
        let key = match &self.body {
            KeyBody::Plain(key) => {
                return Ok(DerivedKey { key: *key, origin: self.origin.clone() });
            }
            KeyBody::Extended(key) => key,
        };
        let mut steps = Vec::new();
        if self.any {
            steps.push(index);
        }
        steps.extend_from_slice(&self.tail);
        let mut origin = self.origin.clone();
        origin.path.extend_from_slice(&steps);
        Ok(DerivedKey { key: derive_public(key, &steps)?.to_bytes(), origin })
    }
}

/// A public key at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedKey {
    pub key: [u8; 33],
    pub origin: KeyOrigin,
}

/// What wraps a multisig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    Sh,
    Wsh,
    ShWsh,
}

/// An output descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Descriptor {
    Pkh(KeyExpr),
    Wpkh(KeyExpr),
    ShWpkh(KeyExpr),
    /// Key path alone (BIP386).
    Tr(KeyExpr),
    Multi {
        wrap: Wrap,
        sorted: bool,
        required: usize,
        keys: Vec<KeyExpr>,
    },
    /// `wsh()` of one of the vault shapes.
    Vault(Box<VaultScript<KeyExpr>>),
}

/// One output of a descriptor with all that a spender needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    pub script_pubkey: Script,
    pub redeem: Option<Script>,
    pub witness_script: Option<Script>,
    /// In the order of the descriptor.
    pub keys: Vec<DerivedKey>,
    /// The x-only internal key of a taproot output.
    pub internal_key: Option<[u8; 32]>,
}

impl Derived {
    /// Two of its keys are one, or one key and its negative, which have one owner.
    pub fn repeats_key(&self) -> bool {
        repeats(self.keys.iter().map(|key| &key.key))
    }
}

/// Public keys are compared by their x-coordinates: whoever can sign for one of the two keys of an
/// x-coordinate can for the other.
fn repeats<'a>(keys: impl Iterator<Item = &'a [u8; 33]>) -> bool {
    let mut seen: Vec<&[u8]> = Vec::new();
    for key in keys {
        if seen.contains(&&key[1..]) {
            return true;
        }
        seen.push(&key[1..]);
    }
    false
}

/// A descriptor at one branch: cheap to ask for many indices.
pub struct Prepared<'a> {
    descriptor: &'a Descriptor,
    keys: Vec<PreparedKey>,
}

impl Descriptor {
    /// Reads a descriptor; a checksum is checked where there is one.
    pub fn parse(
        text: &str,
        params: &'static NetworkParams,
    ) -> Result<Descriptor, DescriptorError> {
        let descriptor = Descriptor::parse_kept(text, params)?;
        descriptor.check_seats()?;
        Ok(descriptor)
    }

    /// Reads a descriptor that a wallet's file has kept. One whose keys repeat, which older versions
    /// took, must not keep the file from opening: nothing is signed for it.
    pub fn parse_kept(
        text: &str,
        params: &'static NetworkParams,
    ) -> Result<Descriptor, DescriptorError> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(DescriptorError::TooLong);
        }
        let body = match text.split_once('#') {
            Some((body, found)) => {
                let wanted = checksum(body)?;
                if found != wanted {
                    let found = found.chars().take(16).collect();
                    return Err(DescriptorError::Checksum { found, wanted });
                }
                body
            }
            None => text,
        };
        let mut parser = Parser { rest: body, params };
        let descriptor = parser.descriptor()?;
        parser.end()?;
        let counts: Vec<usize> =
            descriptor.key_exprs().iter().map(|k| k.branches()).filter(|c| *c > 0).collect();
        if counts.iter().any(|count| *count != counts[0]) {
            return Err(DescriptorError::Branches);
        }
        Ok(descriptor)
    }

    /// The text with its checksum.
    pub fn show(&self, params: &NetworkParams) -> String {
        let body = self.body(params);
        let sum = checksum(&body).unwrap_or_default();
        format!("{body}#{sum}")
    }

    fn body(&self, params: &NetworkParams) -> String {
        match self {
            Descriptor::Pkh(key) => format!("pkh({})", key.show(params)),
            Descriptor::Wpkh(key) => format!("wpkh({})", key.show(params)),
            Descriptor::ShWpkh(key) => format!("sh(wpkh({}))", key.show(params)),
            Descriptor::Tr(key) => format!("tr({})", key.show(params)),
            Descriptor::Multi { wrap, sorted, required, keys } => {
                let name = if *sorted { "sortedmulti" } else { "multi" };
                let keys: Vec<String> = keys.iter().map(|key| key.show(params)).collect();
                let inner = format!("{name}({required},{})", keys.join(","));
                match wrap {
                    Wrap::Sh => format!("sh({inner})"),
                    Wrap::Wsh => format!("wsh({inner})"),
                    Wrap::ShWsh => format!("sh(wsh({inner}))"),
                }
            }
            Descriptor::Vault(script) => {
                format!("wsh({})", script.miniscript(|key| key.show(params)))
            }
        }
    }

    /// No key fills two seats of a multisig: neither by being written twice, whatever stands around
    /// it, nor by what is derived at the first index of each branch.
    fn check_seats(&self) -> Result<(), DescriptorError> {
        let Descriptor::Multi { keys, .. } = self else { return Ok(()) };
        let own: Vec<[u8; 33]> = keys.iter().map(KeyExpr::public_key).collect();
        if repeats(own.iter()) {
            return Err(DescriptorError::RepeatedKey);
        }
        for branch in 0..self.branches() {
            if self.derive(branch, 0)?.repeats_key() {
                return Err(DescriptorError::RepeatedKey);
            }
        }
        Ok(())
    }

    /// Branches: to receive, for change; 1 where none is named.
    pub fn branches(&self) -> usize {
        self.key_exprs().iter().map(|key| key.branches()).max().unwrap_or(0).max(1)
    }

    pub fn key_exprs(&self) -> Vec<&KeyExpr> {
        match self {
            Descriptor::Pkh(key)
            | Descriptor::Wpkh(key)
            | Descriptor::ShWpkh(key)
            | Descriptor::Tr(key) => vec![key],
            Descriptor::Multi { keys, .. } => keys.iter().collect(),
            Descriptor::Vault(script) => script.keys(),
        }
    }

    /// The origins of its keys, those that have none left out.
    pub fn origins(&self) -> Vec<&KeyOrigin> {
        self.key_exprs().into_iter().filter_map(KeyExpr::origin).collect()
    }

    /// Signatures that a spend needs.
    pub fn required(&self) -> usize {
        if let Descriptor::Multi { required, .. } = self { *required } else { 1 }
    }

    pub fn key_count(&self) -> usize {
        self.key_exprs().len()
    }

    /// Its inputs have no witness.
    pub fn is_legacy(&self) -> bool {
        matches!(self, Descriptor::Pkh(_) | Descriptor::Multi { wrap: Wrap::Sh, .. })
    }

    /// It stands for more than one output.
    pub fn is_ranged(&self) -> bool {
        self.key_exprs().iter().any(|key| key.is_ranged())
    }

    /// It has a branch for receiving and one for change.
    pub fn has_change(&self) -> bool {
        self.key_exprs().iter().any(|key| key.branches() >= 2)
    }

    /// Prepares a branch: 0 to receive, 1 for change; without branches, 0 alone.
    pub fn prepare(&self, branch: usize) -> Result<Prepared<'_>, KeyError> {
        let keys = self.key_exprs().into_iter().map(|key| key.prepare(branch));
        Ok(Prepared { descriptor: self, keys: keys.collect::<Result<_, _>>()? })
    }

    /// One output.
    pub fn derive(&self, branch: usize, index: u32) -> Result<Derived, KeyError> {
        self.prepare(branch)?.at(index)
    }

    /// The most that one input weighs (signatures of 72 bytes where others sign).
    pub fn input_weight(&self) -> Weight {
        const BASE: usize = 41 * 4;
        let multi = |required: usize, keys: usize| {
            let script = 3 + keys * 34;
            let prefix = if script > 252 { 3 } else { 1 };
            (2 + required * 73 + prefix + script, script)
        };
        Weight(match self {
            Descriptor::Pkh(_) => BASE + 4 * 107,
            Descriptor::Wpkh(_) => BASE + 108,
            Descriptor::ShWpkh(_) => BASE + 4 * 23 + 108,
            Descriptor::Tr(_) => BASE + 66,
            Descriptor::Multi { wrap: Wrap::Sh, required, keys, .. } => {
                BASE + 4 * (multi(*required, keys.len()).0 + 4)
            }
            Descriptor::Multi { wrap: Wrap::Wsh, required, keys, .. } => {
                BASE + multi(*required, keys.len()).0
            }
            Descriptor::Multi { wrap: Wrap::ShWsh, required, keys, .. } => {
                BASE + 4 * 35 + multi(*required, keys.len()).0
            }
            Descriptor::Vault(_) => BASE + vault::WITNESS_WEIGHT,
        })
    }
}

impl Prepared<'_> {
    /// The index at which one of the keys stands at an origin.
    pub fn index_of(&self, origin: &KeyOrigin) -> Option<u32> {
        self.keys.iter().find_map(|key| key.index_of(origin))
    }

    /// The output at an index.
    pub fn at(&self, index: u32) -> Result<Derived, KeyError> {
        let keys: Vec<DerivedKey> =
            self.keys.iter().map(|key| key.at(index)).collect::<Result<_, _>>()?;
        let derived = |script_pubkey: Script, redeem: Option<Script>, witness: Option<Script>| {
            let keys = keys.clone();
            Derived { script_pubkey, redeem, witness_script: witness, keys, internal_key: None }
        };
        let key_hash = || Address::Witness { version: 0, program: hash160(&keys[0].key).to_vec() };
        let script_hash = |script: &[u8]| Address::ScriptHash(hash160(script)).to_script();
        let witness_hash =
            |script: &[u8]| Address::Witness { version: 0, program: sha256(script).to_vec() };
        Ok(match self.descriptor {
            Descriptor::Pkh(_) => {
                derived(Address::PubkeyHash(hash160(&keys[0].key)).to_script(), None, None)
            }
            Descriptor::Wpkh(_) => derived(key_hash().to_script(), None, None),
            Descriptor::ShWpkh(_) => {
                let redeem = key_hash().to_script();
                derived(script_hash(redeem.as_bytes()), Some(redeem), None)
            }
            Descriptor::Tr(_) => {
                let mut x = [0u8; 32];
                x.copy_from_slice(&keys[0].key[1..]);
                let (output, _) =
                    tweak_x_only(&x, &tap_tweak_hash(&x, None)).ok_or(KeyError::Derivation)?;
                let address = Address::Witness { version: 1, program: output.to_vec() };
                Derived { internal_key: Some(x), ..derived(address.to_script(), None, None) }
            }
            Descriptor::Multi { wrap, sorted, required, .. } => {
                let mut list: Vec<[u8; 33]> = keys.iter().map(|key| key.key).collect();
                if *sorted {
                    list.sort_unstable();
                }
                let script = multisig_script(*required, &list);
                match wrap {
                    Wrap::Sh => derived(script_hash(script.as_bytes()), Some(script), None),
                    Wrap::Wsh => {
                        let address = witness_hash(script.as_bytes());
                        derived(address.to_script(), None, Some(script))
                    }
                    Wrap::ShWsh => {
                        let redeem = witness_hash(script.as_bytes()).to_script();
                        derived(script_hash(redeem.as_bytes()), Some(redeem), Some(script))
                    }
                }
            }
            Descriptor::Vault(vault) => {
                let mut at = keys.iter();
                let script = vault.map(|_| at.next().map_or([0; 33], |key| key.key)).to_script();
                derived(witness_hash(script.as_bytes()).to_script(), None, Some(script))
            }
        })
    }
}

/// `m <key>… n CHECKMULTISIG`.
pub fn multisig_script(required: usize, keys: &[[u8; 33]]) -> Script {
    let mut script = Vec::new();
    push_number(&mut script, required as i64);
    keys.iter().for_each(|key| push_data(&mut script, key));
    push_number(&mut script, keys.len() as i64);
    script.push(OP_CHECKMULTISIG);
    Script(script)
}

struct Parser<'a> {
    rest: &'a str,
    params: &'static NetworkParams,
}

impl<'a> Parser<'a> {
    fn wrong(&self, wanted: &'static str) -> DescriptorError {
        DescriptorError::Syntax { rest: self.rest.chars().take(24).collect(), wanted }
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn want(&mut self, token: &'static str) -> Result<(), DescriptorError> {
        if self.eat(token) { Ok(()) } else { Err(self.wrong(token)) }
    }

    fn end(&self) -> Result<(), DescriptorError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.wrong("nothing")) }
    }

    /// Everything up to a delimiter.
    fn until(&mut self, delimiters: &[char]) -> &'a str {
        let end = self.rest.find(delimiters).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn descriptor(&mut self) -> Result<Descriptor, DescriptorError> {
        let made = if self.eat("pkh(") {
            Descriptor::Pkh(self.key()?)
        } else if self.eat("wpkh(") {
            Descriptor::Wpkh(self.key()?)
        } else if self.eat("tr(") {
            Descriptor::Tr(self.key()?)
        } else if self.eat("sh(wpkh(") {
            let key = self.key()?;
            self.want(")")?;
            Descriptor::ShWpkh(key)
        } else if self.eat("sh(wsh(") {
            let multi = self.multi(Wrap::ShWsh)?;
            self.want(")")?;
            multi
        } else if self.eat("sh(") {
            self.multi(Wrap::Sh)?
        } else if self.eat("wsh(") {
            match self.rest.starts_with("and_v") || self.rest.starts_with("or_i") {
                true => Descriptor::Vault(Box::new(self.vault()?)),
                false => self.multi(Wrap::Wsh)?,
            }
        } else {
            return Err(self.wrong("pkh(, wpkh(, tr(, sh( or wsh("));
        };
        self.want(")")?;
        Ok(made)
    }

    fn multi(&mut self, wrap: Wrap) -> Result<Descriptor, DescriptorError> {
        let sorted = self.eat("sortedmulti(");
        if !sorted && !self.eat("multi(") {
            return Err(self.wrong("sortedmulti( or multi("));
        }
        let required: usize =
            self.until(&[',', ')']).parse().map_err(|_| self.wrong("a number"))?;
        let mut keys = Vec::new();
        while self.eat(",") {
            keys.push(self.key()?);
            if keys.len() > MAX_KEYS {
                break;
            }
        }
        self.want(")")?;
        threshold(required, &keys)?;
        Ok(Descriptor::Multi { wrap, sorted, required, keys })
    }

    /// One of the three vault shapes.
    fn vault(&mut self) -> Result<VaultScript<KeyExpr>, DescriptorError> {
        if self.eat("and_v(v:pk(") {
            let key = self.key()?;
            self.want("),")?;
            let lock = self.lock()?;
            self.want(")")?;
            return Ok(VaultScript::Timed { key, lock });
        }
        self.want("or_i(and_v(v:pk(")?;
        let claim = self.key()?;
        self.want("),sha256(")?;
        let hash = hex::decode_array(self.until(&[')'])).map_err(|_| self.wrong("a hash"))?;
        self.want(")),and_v(v:pk(")?;
        let refund = self.key()?;
        self.want("),")?;
        let lock = self.lock()?;
        self.want("))")?;
        Ok(VaultScript::Hashed { claim, hash, refund, lock })
    }

    fn lock(&mut self) -> Result<Lock, DescriptorError> {
        let absolute = self.eat("after(");
        if !absolute && !self.eat("older(") {
            return Err(self.wrong("after( or older("));
        }
        let number: u32 = self.until(&[')']).parse().map_err(|_| self.wrong("a number"))?;
        self.want(")")?;
        let lock = if absolute { Lock::Until(number) } else { Lock::For(number) };
        if lock.is_valid() { Ok(lock) } else { Err(self.wrong("a lock that can open")) }
    }

    fn key(&mut self) -> Result<KeyExpr, DescriptorError> {
        let mut origin = None;
        if self.eat("[") {
            origin = Some(KeyOrigin::parse(self.until(&[']']))?);
            self.want("]")?;
        }
        let word = self.until(&['/', ',', ')']);
        let body = if word.len() == 66 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
            let key = hex::decode_array::<33>(word).map_err(|_| self.wrong("a public key"))?;
            if !is_compressed_key(&key) {
                return Err(self.wrong("a public key"));
            }
            KeyBody::Plain(key)
        } else if word.get(1..4) == Some("pub") || word.get(1..4) == Some("prv") {
            KeyBody::Extended(Box::new(parse_xpub(word, self.params)?))
        } else if (51..=52).contains(&word.len()) {
            return Err(DescriptorError::Key(KeyError::Private));
        } else {
            return Err(self.wrong("an extended or a compressed public key"));
        };
        let mut steps = Vec::new();
        while self.eat("/") {
            steps.push(self.step()?);
        }
        let once = |kind: fn(&Step) -> bool| steps.iter().filter(|s| kind(s)).count() <= 1;
        let plain = matches!(body, KeyBody::Plain(_)) && !steps.is_empty();
        if plain || steps.len() > 16 || !once(|s| *s == Step::Any) {
            return Err(self.wrong("a comma or a bracket"));
        }
        if !once(|s| matches!(s, Step::Branch(_)))
            || steps[..steps.len().max(1) - 1].contains(&Step::Any)
        {
            return Err(self.wrong("at most one <…;…>, and * at the end"));
        }
        Ok(KeyExpr { origin, body, steps })
    }

    fn step(&mut self) -> Result<Step, DescriptorError> {
        if self.eat("*") {
            return Ok(Step::Any);
        }
        if self.eat("<") {
            let inside = self.until(&['>']);
            self.want(">")?;
            let numbers: Option<Vec<u32>> = inside.split(';').map(parse_step).collect();
            let numbers = numbers.filter(|n| n.len() >= 2 && n.iter().all(|s| s >> 31 == 0));
            return Ok(Step::Branch(numbers.ok_or_else(|| self.wrong("numbers such as <0;1>"))?));
        }
        let number = parse_step(self.until(&['/', ',', ')']));
        let number = number.filter(|number| number >> 31 == 0);
        Ok(Step::Number(number.ok_or_else(|| self.wrong("a step that is not hardened"))?))
    }
}

fn threshold(required: usize, keys: &[KeyExpr]) -> Result<(), DescriptorError> {
    if keys.len() > MAX_KEYS || required == 0 || required > keys.len() {
        return Err(DescriptorError::Threshold { required, keys: keys.len() });
    }
    Ok(())
}

/// A multisig whose threshold and keys make sense.
pub fn multisig(
    wrap: Wrap,
    sorted: bool,
    required: usize,
    keys: Vec<KeyExpr>,
) -> Result<Descriptor, DescriptorError> {
    threshold(required, &keys)?;
    let made = Descriptor::Multi { wrap, sorted, required, keys };
    made.check_seats()?;
    Ok(made)
}

/// The characters of a descriptor, in the order that the checksum counts them (BIP380).
const INPUT: &str = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// The eight characters after `#` (BIP380).
pub fn checksum(text: &str) -> Result<String, DescriptorError> {
    let fold = |c: u64, value: u64| {
        const GENERATOR: [u64; 5] =
            [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd];
        let top = c >> 35;
        let mut c = (c & 0x7_ffff_ffff) << 5 ^ value;
        for (bit, generator) in GENERATOR.iter().enumerate() {
            if top >> bit & 1 == 1 {
                c ^= generator;
            }
        }
        c
    };
    let (mut c, mut class, mut count) = (1u64, 0u64, 0);
    for (position, character) in text.chars().enumerate() {
        let place =
            INPUT.find(character).ok_or(DescriptorError::Character { position: position + 1 })?;
        let place = place as u64;
        c = fold(c, place & 31);
        class = class * 3 + (place >> 5);
        count += 1;
        if count == 3 {
            c = fold(c, class);
            (class, count) = (0, 0);
        }
    }
    if count > 0 {
        c = fold(c, class);
    }
    for _ in 0..8 {
        c = fold(c, 0);
    }
    c ^= 1;
    Ok((0..8).map(|at| char::from(CHECKSUM[(c >> (5 * (7 - at)) & 31) as usize])).collect())
}

impl fmt::Display for Wrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wrap::Sh => "P2SH",
            Wrap::Wsh => "P2WSH",
            Wrap::ShWsh => "P2SH-P2WSH",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Seed, parse_path};
    use primitives::network::BITCOIN;

    /// The account of the phrase that BIP84 and BIP86 publish their addresses for.
    fn account(path: &str) -> KeyExpr {
        let phrase = "abandon ".repeat(11) + "about";
        let master = Seed::from_phrase(&phrase).and_then(|s| s.master("")).expect("a seed");
        let path = parse_path(path).expect("a path");
        let key = master.xpub(&path).expect("a key");
        KeyExpr::account(KeyOrigin { fingerprint: master.fingerprint(), path }, key)
    }

    #[test]
    fn published_addresses_and_the_text_there_and_back() {
        for (descriptor, branch, wanted) in [
            (
                Descriptor::Wpkh(account("84h/0h/0h")),
                0,
                "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
            ),
            (
                Descriptor::Wpkh(account("84h/0h/0h")),
                1,
                "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el",
            ),
            (
                Descriptor::Tr(account("86h/0h/0h")),
                0,
                "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
            ),
        ] {
            let text = descriptor.show(&BITCOIN);
            let read = Descriptor::parse(&text, &BITCOIN).expect("our own text");
            assert_eq!(read, descriptor);
            let derived = read.derive(branch, 0).expect("derived");
            let address = Address::from_script(&derived.script_pubkey).expect("an address");
            assert_eq!(address.to_text(&BITCOIN), wanted);
        }
    }

    #[test]
    fn checksums_are_bip380s() {
        assert_eq!(checksum("raw(deadbeef)").as_deref(), Ok("89f8spxm"));
        assert!(matches!(
            Descriptor::parse("raw(deadbeef)#89f8spxn", &BITCOIN),
            Err(DescriptorError::Checksum { .. })
        ));
    }

    /// BIP67's published cases, as Core keeps them.
    #[test]
    fn sorted_multisigs_are_bip67s() {
        let Some(text) = testkit::vectors::read("core/rpc_bip67.json") else { return };
        let cases: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        for case in cases.as_array().expect("a list") {
            let key = |key: &serde_json::Value| {
                hex::decode_array::<33>(key.as_str().expect("text")).expect("a key")
            };
            let mut keys: Vec<[u8; 33]> =
                case["keys"].as_array().expect("a list").iter().map(key).collect();
            keys.sort_unstable();
            let script = multisig_script(2, &keys);
            assert_eq!(hex::encode(script.as_bytes()), case["script"].as_str().expect("hex"));
            let address = Address::ScriptHash(hash160(script.as_bytes()));
            let params = &primitives::network::REGTEST;
            assert_eq!(address.to_text(params), case["address"].as_str().expect("text"));
        }
    }
}
