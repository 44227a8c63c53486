//! What a wallet keeps: its secret, its accounts, what it sent. In a sealed file it is padded JSON;
//! secrets are written and read by hand, so that no JSON value ever holds one.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::descriptor::{Descriptor, DescriptorError, KeyExpr};
use super::journal::Journal;
use super::keys::{HARDENED, KeyError, KeyOrigin, Master, Seed, coin_type};
use super::policy::PolicyError;
use crypto::entropy::Entropy;
use primitives::network::{self, NetworkParams};
use primitives::script::Script;
use primitives::tx::OutPoint;

/// Bodies are padded to a multiple of as many bytes, so that their length tells little.
const PAD: usize = 4096;
/// Format of the book that is written; the first had no number, and of payments only what was sent.
const FORMAT: u64 = 2;
/// Most accounts that a wallet keeps.
pub const MAX_ACCOUNTS: usize = 1000;
const MAX_SECRETS: usize = 1000;

/// Why a wallet is not what it should be. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    #[error("the wallet is of the network {found}, this console is on {wanted}")]
    OtherNetwork { found: String, wanted: &'static str },
    #[error("the wallet's contents are malformed at {0}")]
    Malformed(&'static str),
    #[error(
        "the wallet was written by a newer version of the program (format {0}, this one reads {FORMAT})"
    )]
    Newer(u64),
    #[error("the wallet is watch-only: it has no keys to sign with")]
    WatchOnly,
    #[error("the wallet has an account {0:?} already")]
    AccountExists(String),
    #[error("the wallet has {MAX_ACCOUNTS} accounts, more are not kept")]
    TooManyAccounts,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// One descriptor with how far its addresses were given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub descriptor: Descriptor,
    /// Next index to receive on, and for change.
    pub next: [u32; 2],
}

/// Output scripts of one branch of an account from index 0 on, all of one length. Where there are
/// many they are kept: each costs a point multiplication to derive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivations {
    pub account: usize,
    pub branch: usize,
    pub scripts: Vec<Script>,
}

/// A wallet.
#[derive(Debug)]
pub struct Book {
    pub params: &'static NetworkParams,
    seed: Option<Seed>,
    pub accounts: Vec<Account>,
    pub locked: BTreeSet<OutPoint>,
    pub journal: Journal,
    pub derivations: Vec<Derivations>,
    /// Secrets of hash locks, 32 bytes each.
    secrets: Vec<Zeroizing<[u8; 32]>>,
}

/// What BIP44's children fix: the purpose of an account's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// BIP84: P2WPKH.
    Segwit,
    /// BIP86: P2TR, key path.
    Taproot,
    /// BIP48, script type 2: P2WSH multisig.
    Multisig,
}

/// `m/84h/…`, `m/86h/…` or `m/48h/…/2h` of the first account on a network.
pub fn account_path(purpose: Purpose, params: &NetworkParams) -> Vec<u32> {
    let hard = |steps: &[u32]| steps.iter().map(|step| step | HARDENED).collect();
    let coin = coin_type(params);
    match purpose {
        Purpose::Segwit => hard(&[84, coin, 0]),
        Purpose::Taproot => hard(&[86, coin, 0]),
        Purpose::Multisig => hard(&[48, coin, 0, 2]),
    }
}

impl Book {
    /// A new wallet of 24 words.
    pub fn generate(
        params: &'static NetworkParams,
        entropy: &mut dyn Entropy,
    ) -> Result<Book, BookError> {
        Book::from_seed(Seed::generate(entropy)?, params)
    }

    /// A wallet with the usual accounts of a secret.
    pub fn from_seed(seed: Seed, params: &'static NetworkParams) -> Result<Book, BookError> {
        let mut book = Book::watch_only(params);
        let master = seed.master("")?;
        for (name, purpose) in [("segwit", Purpose::Segwit), ("taproot", Purpose::Taproot)] {
            let key = account_key(&master, purpose, params)?;
            let descriptor = match purpose {
                Purpose::Taproot => Descriptor::Tr(key),
                _ => Descriptor::Wpkh(key),
            };
            book.accounts.push(Account { name: name.to_owned(), descriptor, next: [0, 0] });
        }
        book.seed = Some(seed);
        Ok(book)
    }

    /// A wallet without keys or accounts.
    pub fn watch_only(params: &'static NetworkParams) -> Book {
        Book {
            params,
            seed: None,
            accounts: Vec::new(),
            locked: BTreeSet::new(),
            journal: Journal::default(),
            derivations: Vec::new(),
            secrets: Vec::new(),
        }
    }

    pub fn is_watch_only(&self) -> bool {
        self.seed.is_none()
    }

    pub fn seed(&self) -> Result<&Seed, BookError> {
        self.seed.as_ref().ok_or(BookError::WatchOnly)
    }

    /// The root of the keys.
    pub fn master(&self) -> Result<Master, BookError> {
        Ok(self.seed()?.master("")?)
    }

    /// The wallet's key as a cosigner of multisigs: origin and extended public key (BIP48).
    pub fn cosigner(&self) -> Result<KeyExpr, BookError> {
        account_key(&self.master()?, Purpose::Multisig, self.params)
    }

    pub fn add_account(&mut self, name: &str, descriptor: Descriptor) -> Result<usize, BookError> {
        if self.accounts.iter().any(|a| a.name == name || a.descriptor == descriptor) {
            return Err(BookError::AccountExists(name.to_owned()));
        }
        if self.accounts.len() >= MAX_ACCOUNTS {
            return Err(BookError::TooManyAccounts);
        }
        self.accounts.push(Account { name: name.to_owned(), descriptor, next: [0, 0] });
        Ok(self.accounts.len() - 1)
    }

    pub fn account(&self, name: &str) -> Option<usize> {
        self.accounts.iter().position(|account| account.name == name)
    }

    pub fn add_secret(&mut self, secret: [u8; 32]) {
        let secret = Zeroizing::new(secret);
        if !self.secrets.contains(&secret) && self.secrets.len() < MAX_SECRETS {
            self.secrets.push(secret);
        }
    }

    /// The secret of a hash lock, if we know it.
    pub fn secret_of(&self, hash: &[u8; 32]) -> Option<&[u8; 32]> {
        self.secrets.iter().map(|s| &**s).find(|s| crypto::hash::sha256(&s[..]) == *hash)
    }

    /// The body of a sealed file.
    pub fn to_body(&self) -> Zeroizing<Vec<u8>> {
        let accounts: Vec<Value> = self
            .accounts
            .iter()
            .map(|account| {
                json!({
                    "name": account.name,
                    "descriptor": account.descriptor.show(self.params),
                    "next": account.next,
                })
            })
            .collect();
        let derivations = |of: &Derivations| {
            let bytes: Vec<u8> = of.scripts.iter().flat_map(|s| s.as_bytes()).copied().collect();
            json!({
                "account": of.account,
                "branch": of.branch,
                "count": of.scripts.len(),
                "scripts": BASE64.encode(&bytes),
            })
        };
        let mut book = json!({
            "version": FORMAT,
            "network": self.params.name,
            "accounts": accounts,
            "locked": self.locked.iter().map(OutPoint::to_string).collect::<Vec<_>>(),
            "sent": self.journal.to_json(),
        });
        if !self.derivations.is_empty() {
            book["derivations"] = self.derivations.iter().map(derivations).collect();
        }
        let book = book.to_string();
        let room = book.len() + 2 * PAD + 128 * (self.secrets.len() + 2);
        // Room for all from the start: growing would leave copies behind.
        let mut body = Zeroizing::new(Vec::with_capacity(room));
        body.extend_from_slice(b"{\"entropy\":\"");
        if let Some(seed) = &self.seed {
            put_hex(&mut body, seed.entropy());
        }
        body.extend_from_slice(b"\",\"secrets\":\"");
        self.secrets.iter().for_each(|secret| put_hex(&mut body, &secret[..]));
        body.extend_from_slice(b"\",\"book\":");
        body.extend_from_slice(book.as_bytes());
        body.push(b'}');
        while !body.len().is_multiple_of(PAD) {
            body.push(b' ');
        }
        body
    }

    /// Reads the body of a sealed file.
    pub fn from_body(body: &[u8], params: &'static NetworkParams) -> Result<Book, BookError> {
        use BookError::Malformed;
        let rest = body.strip_prefix(b"{\"entropy\":\"").ok_or(Malformed("its start"))?;
        let (entropy, rest) = take_hex(rest).ok_or(Malformed("the entropy"))?;
        let rest = rest.strip_prefix(b",\"secrets\":\"").ok_or(Malformed("the secrets"))?;
        let (secrets, rest) = take_hex(rest).ok_or(Malformed("the secrets"))?;
        let rest = rest.strip_prefix(b",\"book\":").ok_or(Malformed("the book"))?;
        let public = rest.trim_ascii_end().strip_suffix(b"}").ok_or(Malformed("its end"))?;
        let book: Value = serde_json::from_slice(public).map_err(|_| Malformed("the book"))?;
        let name = book["network"].as_str().unwrap_or_default();
        if network::by_name(name).is_none_or(|found| found.name != params.name) {
            let found = name.chars().take(20).collect();
            return Err(BookError::OtherNetwork { found, wanted: params.name });
        }
        let version = book["version"].as_u64().unwrap_or(1);
        if version > FORMAT {
            return Err(BookError::Newer(version));
        }
        let list = |name: &'static str| book[name].as_array().ok_or(Malformed(name));
        let mut made = Book::watch_only(params);
        if !entropy.is_empty() {
            made.seed = Some(Seed::from_entropy(&entropy)?);
        }
        let (secrets, odd) = secrets.as_chunks::<32>();
        if !odd.is_empty() {
            return Err(Malformed("the secrets"));
        }
        secrets.iter().for_each(|secret| made.add_secret(*secret));
        for account in list("accounts")? {
            let text = |name: &str| account[name].as_str().ok_or(Malformed("an account"));
            let next = |at: usize| {
                let number = account["next"][at].as_u64().and_then(|n| u32::try_from(n).ok());
                number.ok_or(Malformed("an account's index"))
            };
            let descriptor = Descriptor::parse_kept(text("descriptor")?, params)?;
            let at = made.add_account(text("name")?, descriptor)?;
            made.accounts[at].next = [next(0)?, next(1)?];
        }
        for outpoint in list("locked")? {
            let outpoint = outpoint.as_str().and_then(|text| text.parse().ok());
            made.locked.insert(outpoint.ok_or(Malformed("a locked coin"))?);
        }
        let journal = Journal::from_json(list("sent")?);
        made.journal = journal.ok_or(Malformed("a sent transaction"))?;
        for of in book["derivations"].as_array().into_iter().flatten() {
            let of = read_derivations(of).filter(|of| of.account < made.accounts.len());
            made.derivations.push(of.ok_or(Malformed("the derived scripts"))?);
        }
        Ok(made)
    }
}

fn read_derivations(value: &Value) -> Option<Derivations> {
    let number = |name: &str| usize::try_from(value[name].as_u64()?).ok();
    let bytes = BASE64.decode(value["scripts"].as_str()?.as_bytes()).ok()?;
    let count = number("count").filter(|count| *count > 0 && bytes.len().is_multiple_of(*count))?;
    let length = (bytes.len() / count).max(1);
    let scripts: Vec<Script> = bytes.chunks(length).map(|s| Script(s.to_vec())).collect();
    let made = Derivations { account: number("account")?, branch: number("branch")?, scripts };
    (made.scripts.len() == count).then_some(made)
}

/// The account's key with its origin.
fn account_key(
    master: &Master,
    purpose: Purpose,
    params: &NetworkParams,
) -> Result<KeyExpr, BookError> {
    let path = account_path(purpose, params);
    let key = master.xpub(&path)?;
    Ok(KeyExpr::account(KeyOrigin { fingerprint: master.fingerprint(), path }, key))
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

type Hex<'a> = (Zeroizing<Vec<u8>>, &'a [u8]);

/// Hex digits up to a quote, and what follows it.
fn take_hex(text: &[u8]) -> Option<Hex<'_>> {
    let end = text.iter().position(|byte| *byte == b'"')?;
    let (digits, rest) = text.split_at(end);
    let mut bytes = Zeroizing::new(Vec::with_capacity(end / 2));
    let (pairs, odd) = digits.as_chunks::<2>();
    for pair in pairs {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        bytes.push((high << 4 | low) as u8);
    }
    odd.is_empty().then_some((bytes, &rest[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::entropy::{SeededEntropy, random_below};
    use crypto::seal::{self, Cost, SealKey};
    use primitives::network::{MAIN, REGTEST};

    #[test]
    fn there_and_back() {
        let mut entropy = SeededEntropy::new([5; 32]);
        let mut book = Book::generate(&REGTEST, &mut entropy).expect("a wallet");
        book.add_secret([7; 32]);
        book.accounts[0].next = [3, 1];
        let scripts = (0..300u16).map(|n| Script(n.to_le_bytes().to_vec())).collect();
        book.derivations.push(Derivations { account: 1, branch: 0, scripts });
        let body = book.to_body();
        assert!(body.len().is_multiple_of(PAD));
        let read = Book::from_body(&body, &REGTEST).expect("our own");
        assert_eq!(read.to_body(), body);
        assert_eq!(read.derivations, book.derivations);
        assert!(read.secret_of(&crypto::hash::sha256(&[7; 32])).is_some());
        assert!(matches!(Book::from_body(&body, &MAIN), Err(BookError::OtherNetwork { .. })));
        let json: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(json["book"]["network"], "regtest");
        // The first format has no number, and a later one than ours is not guessed at.
        let text = String::from_utf8(body.to_vec()).expect("text");
        let first = text.replace("\"version\":2", "\"v\":2");
        assert_ne!(first, text);
        Book::from_body(first.as_bytes(), &REGTEST).expect("the first format");
        let newer = text.replace("\"version\":2", "\"version\":3");
        assert_eq!(Book::from_body(newer.as_bytes(), &REGTEST).err(), Some(BookError::Newer(3)));
        for cut in (0..body.len()).step_by(17) {
            let _ = Book::from_body(&body[..cut], &REGTEST);
        }
    }

    /// Whole wallets, as a file holds them: no flipped byte opens, and none is taken for another.
    #[test]
    fn a_thousand_wallets_with_one_byte_flipped_are_refused() {
        let mut entropy = SeededEntropy::new([6; 32]);
        for round in 0..1000 {
            let book = Book::generate(&REGTEST, &mut entropy).expect("a wallet");
            let key = SealKey::create(b"pass", Cost::FLOOR, &mut entropy).expect("a key");
            let mut file = key.seal(&book.to_body(), &mut entropy).expect("sealed");
            let at = random_below(&mut entropy, file.len() as u64).expect("random") as usize;
            file[at] ^= 1 + random_below(&mut entropy, 255).expect("random") as u8;
            assert!(seal::open(b"pass", &file).is_err(), "round {round}, byte {at}");
        }
    }
}
