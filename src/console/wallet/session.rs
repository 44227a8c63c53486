//! The wallet session of a console: at most one wallet is open. The node never sees its keys; what
//! the session needs of the chain it asks like any other client.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::secret::Secrets;
use crate::config::Config;
use crypto::entropy::SystemEntropy;
use crypto::seal::{self, Cost, SealKey};
use primitives::address::Address;
use primitives::fee::FeeRate;
use primitives::hex;
use primitives::script::Script;
use rpc::error::{CallError, ErrorKind};
use wallet::book::Book;
use wallet::descriptor::Descriptor;
use wallet::file::{self, Hold};
use wallet::keys::Seed;
use wallet::policy::Role;

use super::hsm::Hsm;
use super::script_cache::ScriptCache;

/// What a key derivation is made to take when a file is made, in milliseconds.
const SEAL_TARGET_MS: u64 = 500;

/// What a wallet session needs of the console.
pub trait ConsoleServices {
    fn ask(&mut self, method: &str, params: Vec<Value>) -> Result<Value, CallError>;
    fn config(&self) -> &Config;
    /// Somebody sits at a terminal.
    fn is_terminal(&self) -> bool;
    /// Asks a question that is answered by yes or no; no without a terminal.
    fn confirm(&mut self, question: &str) -> bool;
    /// Shows a secret on the terminal, past all buffers.
    fn show_secret(&mut self, text: &str) -> Result<(), CallError>;
    /// The wallet would be lost if the console ended.
    fn set_unsaved(&mut self, unsaved: bool);
}

/// The open wallet.
pub struct Open {
    pub book: Book,
    /// The file's key and the hold on it, once it has a file.
    pub file: Option<(SealKey, Hold)>,
    pub scripts: ScriptCache,
    /// The account that addresses and payments are of.
    pub account: usize,
}

/// At most one open wallet, and how the operator works with it.
#[derive(Default)]
pub struct WalletSession {
    pub open: Option<Open>,
    pub secrets: Secrets,
    /// The token that was entered.
    pub token: Option<Hsm>,
    /// The fee rate, when the operator said so.
    pub rate: Option<FeeRate>,
    /// The operator was warned that a new wallet would take the place of an unsaved one.
    unsaved: bool,
}

pub fn refused(why: impl ToString) -> CallError {
    CallError::new(ErrorKind::Rejected, why.to_string())
}

pub fn wrong(why: impl ToString) -> CallError {
    CallError::invalid_params(why.to_string())
}

fn file_failed(why: impl ToString) -> CallError {
    CallError::new(ErrorKind::File, why.to_string())
}

impl WalletSession {
    pub fn new(secrets: Option<PathBuf>) -> WalletSession {
        WalletSession { secrets: Secrets::new(secrets), ..WalletSession::default() }
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub fn wallet(&mut self) -> Result<&mut Open, CallError> {
        let why = "no wallet is open: `new`, `load-encrypted FILE` or `restore-phrase` opens one";
        self.open.as_mut().ok_or_else(|| CallError::not_found(why))
    }

    /// Opens a wallet in place of the one before; one that was never saved is not dropped without
    /// asking.
    fn put(&mut self, book: Book, services: &mut dyn ConsoleServices) -> Result<(), CallError> {
        if self.unsaved
            && !services.confirm("the open wallet was never saved and will be lost; go on?")
        {
            let why = "the open wallet was never saved: `save-encrypted FILE` it first";
            return Err(refused(why));
        }
        let scripts = ScriptCache::kept(&book);
        self.open = Some(Open { book, file: None, scripts, account: 0 });
        self.set_unsaved(true, services);
        Ok(())
    }

    fn set_unsaved(&mut self, unsaved: bool, services: &mut dyn ConsoleServices) {
        self.unsaved = unsaved;
        services.set_unsaved(unsaved);
    }

    /// A new wallet: its fingerprint and first address.
    pub fn create(&mut self, services: &mut dyn ConsoleServices) -> Result<Value, CallError> {
        let params = services.config().params;
        let book = Book::generate(params, &mut SystemEntropy).map_err(refused)?;
        self.put(book, services)?;
        self.introduce()
    }

    /// Puts the wallet away and wipes it.
    pub fn close(&mut self, services: &mut dyn ConsoleServices) -> Result<(), CallError> {
        if self.unsaved
            && !services.confirm("the open wallet was never saved and will be lost; go on?")
        {
            let why = "the open wallet was never saved: `save-encrypted FILE` it first";
            return Err(refused(why));
        }
        self.open = None;
        self.set_unsaved(false, services);
        Ok(())
    }

    /// A wallet from the words that are asked for.
    pub fn restore(&mut self, services: &mut dyn ConsoleServices) -> Result<Value, CallError> {
        let phrase = self.secrets.ask("Enter phrase: ", services.is_terminal())?;
        let seed = Seed::from_phrase(&phrase).map_err(refused)?;
        let book = Book::from_seed(seed, services.config().params).map_err(refused)?;
        self.put(book, services)?;
        self.introduce()
    }

    fn introduce(&mut self) -> Result<Value, CallError> {
        let open = self.wallet()?;
        let fingerprint = open.book.master().map_err(refused)?.fingerprint();
        let script = open.scripts.script(&open.book, open.account, 0, 0).map_err(refused)?;
        let address = address_text(&open.book, &script);
        Ok(json!({ "fingerprint": hex::encode(&fingerprint), "address": address }))
    }

    /// A watch-only account of a descriptor, in the open wallet or in a new one.
    pub fn watch(
        &mut self,
        text: &str,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let params = services.config().params;
        let descriptor = Descriptor::parse(text, params).map_err(wrong)?;
        if self.open.is_none() {
            self.put(Book::watch_only(params), services)?;
        }
        let name = format!("watch-{}", self.wallet()?.book.accounts.len());
        self.add_account(&name, descriptor, Role::WatchOnly, services)
    }

    /// Adds an account and makes it the one that is worked with.
    pub fn add_account(
        &mut self,
        name: &str,
        descriptor: Descriptor,
        role: Role,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let open = self.wallet()?;
        let at = open.book.register(name, descriptor, role).map_err(refused)?;
        open.account = at;
        let script = open.scripts.script(&open.book, at, 0, 0).map_err(refused)?;
        let shown = json!({
            "account": name,
            "address": address_text(&open.book, &script),
            "descriptor": open.book.accounts[at].descriptor.show(open.book.params),
        });
        self.touched(services)?;
        Ok(shown)
    }

    /// Saves at once where there is a file, else remembers that something is unsaved.
    pub fn touched(&mut self, services: &mut dyn ConsoleServices) -> Result<(), CallError> {
        if self.wallet()?.file.is_some() {
            return self.save(services);
        }
        self.set_unsaved(true, services);
        Ok(())
    }

    /// Saves to the file that the wallet has.
    pub fn save(&mut self, services: &mut dyn ConsoleServices) -> Result<(), CallError> {
        let open = self.wallet()?;
        let Some((key, hold)) = &open.file else {
            let why = "the wallet has no file yet: `save-encrypted FILE` gives it one";
            return Err(refused(why));
        };
        open.book.derivations = open.scripts.to_keep();
        let sealed = key.seal(&open.book.to_body(), &mut SystemEntropy).map_err(refused)?;
        file::write(hold.path(), &sealed, true).map_err(file_failed)?;
        self.set_unsaved(false, services);
        Ok(())
    }

    /// Seals the wallet into a file under a passphrase that is asked for.
    pub fn save_to(
        &mut self,
        path: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        let open = self.wallet()?;
        if open.file.as_ref().is_some_and(|(_, hold)| hold.path() == path) {
            return self.save(services);
        }
        let over = path.exists();
        if over && !services.confirm(&format!("{path:?} is there already; write over it?")) {
            return Err(file_failed(file::FileError::Exists(path.to_owned())));
        }
        let hold = Hold::take(path).map_err(file_failed)?;
        let passphrase = self.secrets.ask_new(services.is_terminal())?;
        let key = new_key(&passphrase)?;
        let open = self.wallet()?;
        open.book.derivations = open.scripts.to_keep();
        let sealed = key.seal(&open.book.to_body(), &mut SystemEntropy).map_err(refused)?;
        file::write(path, &sealed, over).map_err(file_failed)?;
        open.file = Some((key, hold));
        self.set_unsaved(false, services);
        Ok(())
    }

    /// Opens a sealed file with a passphrase that is asked for.
    pub fn load_from(
        &mut self,
        path: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        let bytes = file::read(path).map_err(file_failed)?;
        seal::header(&bytes).map_err(refused)?;
        let same = |open: &Open| open.file.as_ref().is_some_and(|(_, h)| h.path() == path);
        if self.open.as_ref().is_some_and(same) {
            self.open = None;
        }
        let hold = Hold::take(path).map_err(file_failed)?;
        let passphrase = self.secrets.ask("Enter passphrase: ", services.is_terminal())?;
        let (body, key) = seal::open(passphrase.as_bytes(), &bytes).map_err(refused)?;
        let book = Book::from_body(&body, services.config().params).map_err(refused)?;
        self.put(book, services)?;
        self.wallet()?.file = Some((key, hold));
        self.set_unsaved(false, services);
        Ok(())
    }

    /// The file opens under a passphrase that is asked for; the session does not change.
    pub fn verify_backup(
        &mut self,
        path: &Path,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let bytes = file::read(path).map_err(file_failed)?;
        let cost = seal::header(&bytes).map_err(refused)?.cost;
        let passphrase = self.secrets.ask("Enter passphrase: ", services.is_terminal())?;
        let (body, _) = seal::open(passphrase.as_bytes(), &bytes).map_err(refused)?;
        let book = Book::from_body(&body, services.config().params).map_err(refused)?;
        let fingerprint = match book.is_watch_only() {
            true => Value::Null,
            false => json!(hex::encode(&book.master().map_err(refused)?.fingerprint())),
        };
        let same = self.open.as_ref().map(|open| open.book.to_body() == body);
        Ok(json!({
            "opens": true,
            "fingerprint": fingerprint,
            "accounts": book.accounts.len(),
            "key_derivation": cost.to_string(),
            "same_as_open_wallet": same,
        }))
    }

    /// Seals the wallet anew under another passphrase; the old one is asked for first.
    pub fn change_passphrase(
        &mut self,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        let terminal = services.is_terminal();
        if self.wallet()?.file.is_none() {
            let why = "the wallet has no file yet: `save-encrypted FILE` asks for its passphrase";
            return Err(refused(why));
        }
        let old = self.secrets.ask("Enter the old passphrase: ", terminal)?;
        let fits = match &self.wallet()?.file {
            Some((key, _)) => key.is_of(old.as_bytes()).map_err(refused)?,
            None => false,
        };
        if !fits {
            return Err(refused(seal::SealError::WrongPassphrase));
        }
        let key = new_key(&self.secrets.ask_new(terminal)?)?;
        if let Some((kept, _)) = &mut self.wallet()?.file {
            *kept = key;
        }
        self.save(services)
    }

    /// Shows the words at a terminal, after a question.
    pub fn show_phrase(&mut self, services: &mut dyn ConsoleServices) -> Result<(), CallError> {
        if !services.is_terminal() {
            let why = "the phrase is shown at a terminal alone, never into a file or a pipe";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        let phrase = self.wallet()?.book.seed().and_then(|s| Ok(s.phrase()?)).map_err(refused)?;
        let question = "whoever sees these words has the money; show them on this screen?";
        if !services.confirm(question) {
            return Err(refused("not shown"));
        }
        let mut text = Zeroizing::new(String::with_capacity(phrase.len() + 24 * 8));
        for (number, word) in phrase.split(' ').enumerate() {
            let place = (number + 1).to_string();
            [&place[..], ". ", word, "\n"].iter().for_each(|part| text.push_str(part));
        }
        services.show_secret(&text)
    }

    /// The next address of the account to be paid on.
    pub fn next_address(
        &mut self,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let open = self.wallet()?;
        let at = open.account;
        if open.book.accounts.is_empty() {
            return Err(refused("the wallet has no account: `watch DESCRIPTOR` adds one"));
        }
        let index = open.book.accounts[at].next[0];
        let ranged = open.book.accounts[at].descriptor.is_ranged();
        let index = if ranged { index } else { 0 };
        let script = open.scripts.script(&open.book, at, 0, index).map_err(refused)?;
        let text = address_text(&open.book, &script);
        if ranged {
            open.book.accounts[at].next[0] = index + 1;
        }
        self.touched(services)?;
        Ok(text)
    }

    pub fn use_account(&mut self, name: &str) -> Result<(), CallError> {
        let open = self.wallet()?;
        let names: Vec<&str> = open.book.accounts.iter().map(|a| a.name.as_str()).collect();
        let why = format!("there is no account {name:?}; there are: {}", names.join(", "));
        open.account = open.book.account(name).ok_or_else(|| CallError::not_found(why))?;
        Ok(())
    }

    /// What the wallet is, without a word of its secrets.
    pub fn info(&mut self) -> Result<Value, CallError> {
        let rate = self.rate;
        let open = self.wallet()?;
        let book = &open.book;
        let fingerprint = match book.is_watch_only() {
            true => Value::Null,
            false => json!(hex::encode(&book.master().map_err(refused)?.fingerprint())),
        };
        let accounts: Vec<Value> = book
            .accounts
            .iter()
            .map(|account| {
                json!({
                    "name": account.name,
                    "descriptor": account.descriptor.show(book.params),
                    "next_address": account.next[0],
                    "next_change": account.next[1],
                })
            })
            .collect();
        let file = open.file.as_ref();
        Ok(json!({
            "network": book.params.name,
            "fingerprint": fingerprint,
            "watch_only": book.is_watch_only(),
            "file": file.map(|(_, hold)| hold.path().display().to_string()),
            "key_derivation": file.map(|(key, _)| key.cost().to_string()),
            "account": book.accounts.get(open.account).map(|a| a.name.clone()),
            "accounts": accounts,
            "locked": book.locked.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "sent": book.journal.payments().len(),
            "fee_rate": rate.map(rate_json),
        }))
    }

    /// The descriptors, one a line.
    pub fn descriptors(&mut self) -> Result<Value, CallError> {
        let open = self.wallet()?;
        let params = open.book.params;
        let list = open.book.accounts.iter().map(|a| json!(a.descriptor.show(params)));
        Ok(Value::Array(list.collect()))
    }
}

/// Base units for a virtual byte: a number, or text where it has decimals.
fn rate_json(rate: FeeRate) -> Value {
    match rate.per_kvb % 1000 {
        0 => json!(rate.per_kvb / 1000),
        part => json!(format!("{}.{part:03}", rate.per_kvb / 1000).trim_end_matches('0')),
    }
}

/// A file's key at a cost that takes about half a second here.
fn new_key(passphrase: &str) -> Result<SealKey, CallError> {
    let make = |cost| SealKey::create(passphrase.as_bytes(), cost, &mut SystemEntropy);
    let started = Instant::now();
    let key = make(Cost::DEFAULT).map_err(refused)?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let cost = Cost::calibrated(took_ms, SEAL_TARGET_MS);
    if cost == Cost::DEFAULT { Ok(key) } else { make(cost).map_err(refused) }
}

pub fn address_text(book: &Book, script: &Script) -> String {
    Address::from_script(script)
        .map_or_else(|| hex::encode(script.as_bytes()), |address| address.to_text(book.params))
}
