//! Vaults and signed messages: coins that wait for a height, a time or a secret.

use rpc_types::block::HeaderResult;
use serde_json::{Value, json};

use super::pay::PaymentRequest;
use super::session::{ConsoleServices, WalletSession, address_text, refused, wrong};
use crypto::entropy::{SystemEntropy, random_bytes};
use crypto::hash::sha256;
use primitives::address::Address;
use primitives::amount::Amount;
use primitives::hex;
use primitives::tx::{OutPoint, TxOut};
use rpc::error::{CallError, ErrorKind};
use rpc::table::calls;
use rpc::value::Json;
use wallet::book::{Book, Purpose, account_path};
use wallet::descriptor::{Descriptor, KeyExpr};
use wallet::keys::KeyOrigin;
use wallet::message::{self, transactions};
use wallet::policy::Role;
use wallet::spend::{Coin, Order, Plan, plan};
use wallet::vault::{Lock, Opens, TIME_THRESHOLD, VaultScript};

/// The branch of the first account that vaults' keys are of.
const VAULT_BRANCH: u32 = 2;

impl WalletSession {
    /// The key of this wallet for the next vault.
    fn vault_key(book: &Book) -> Result<KeyExpr, CallError> {
        let master = book.master().map_err(refused)?;
        let number = book
            .accounts
            .iter()
            .filter(|account| matches!(account.descriptor, Descriptor::Vault(_)))
            .count();
        let mut path = account_path(Purpose::Segwit, book.params);
        path.extend([VAULT_BRANCH, number as u32]);
        let public = master.private_key(&path).map_err(refused)?.public_key();
        Ok(KeyExpr::single(KeyOrigin { fingerprint: master.fingerprint(), path }, public))
    }

    /// The same as text, for another who locks coins to it.
    pub fn show_vault_key(&mut self) -> Result<String, CallError> {
        let book = &self.wallet()?.book;
        Ok(WalletSession::vault_key(book)?.show_cosigner(book.params))
    }

    /// Locks an amount of ours until a height or a time.
    pub fn lock_until(
        &mut self,
        text: &str,
        amount: Amount,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let lock = absolute(text)?;
        let key = WalletSession::vault_key(&self.wallet()?.book)?;
        self.fill(VaultScript::Timed { key, lock }, amount, services)
    }

    /// Locks an amount of ours for so many blocks, or seconds with an s, after it is mined.
    pub fn lock_for(
        &mut self,
        text: &str,
        amount: Amount,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let why =
            "a time to wait is blocks (144) or seconds (86400s), up to 65535 blocks or 388 days";
        let (digits, seconds) = match text.trim().strip_suffix('s') {
            Some(digits) => (digits, true),
            None => (text.trim(), false),
        };
        let number: u32 = digits.parse().map_err(|_| wrong(why))?;
        let lock = if seconds { Lock::seconds(number) } else { Lock::blocks(number) };
        let lock = lock.ok_or_else(|| wrong(why))?;
        let key = WalletSession::vault_key(&self.wallet()?.book)?;
        self.fill(VaultScript::Timed { key, lock }, amount, services)
    }

    /// Locks an amount to who has a key and a hash's secret; from a height or time on it is ours
    /// again. The hash `new` makes a secret, which this wallet keeps.
    pub fn hash_lock(
        &mut self,
        [hash, claim, until]: [&str; 3],
        amount: Amount,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let lock = absolute(until)?;
        let params = services.config().params;
        let claim = KeyExpr::parse_cosigner(claim, params).map_err(wrong)?;
        let hash = match hash {
            "new" => {
                let secret: [u8; 32] = random_bytes(&mut SystemEntropy).map_err(refused)?;
                self.wallet()?.book.add_secret(secret);
                sha256(&secret)
            }
            text => hex::decode_array(text)
                .map_err(|_| wrong("a hash is 64 hex digits, or new for a fresh secret"))?,
        };
        let refund = WalletSession::vault_key(&self.wallet()?.book)?;
        let mut shown =
            self.fill(VaultScript::Hashed { claim, hash, refund, lock }, amount, services)?;
        shown["hash"] = json!(hex::encode(&hash));
        Ok(shown)
    }

    /// Makes the vault an account and pays it.
    fn fill(
        &mut self,
        vault: VaultScript<KeyExpr>,
        amount: Amount,
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let descriptor = Descriptor::Vault(Box::new(vault));
        let script_pubkey = descriptor.derive(0, 0).map_err(refused)?.script_pubkey;
        let request = PaymentRequest::Pay(vec![TxOut { value: amount, script_pubkey }]);
        // Whatever can be refused is, before the account is there.
        let plan = self.plan(request, services)?;
        let before = self.wallet()?.account;
        let count = self.wallet()?.book.accounts.len();
        let name = format!("vault-{count}");
        let mut shown = self.add_account(&name, descriptor, Role::Member, services)?;
        self.wallet()?.account = before;
        let sent = self.send(plan, None, services);
        if sent.as_ref().is_err_and(|e| e.kind != ErrorKind::NoNode) {
            self.wallet()?.book.accounts.truncate(count);
            self.wallet()?.scripts = Default::default();
            self.touched(services)?;
        }
        shown["txid"] = json!(sent?);
        Ok(shown)
    }

    /// Sends what a vault holds to an address, if it opens now.
    pub fn open_vault(
        &mut self,
        name: &str,
        address: &str,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let script_pubkey = self.script_of(address, services)?;
        let scan = self.scan(services)?;
        let book = &self.wallet()?.book;
        let why = || CallError::not_found(format!("there is no vault {name:?}"));
        let at = book.account(name).ok_or_else(why)?;
        let Descriptor::Vault(vault) = book.accounts[at].descriptor.clone() else {
            return Err(why());
        };
        let own = book.master().map_err(refused)?.fingerprint();
        let ours = |key: &KeyExpr| key.origin().is_some_and(|o| o.fingerprint == own);
        let claims = match &*vault {
            VaultScript::Timed { .. } => false,
            VaultScript::Hashed { claim, hash, .. } => {
                ours(claim) && book.secret_of(hash).is_some()
            }
        };
        let waits = match &*vault {
            VaultScript::Timed { key, .. } => ours(key),
            VaultScript::Hashed { refund, .. } => ours(refund),
        };
        if !claims && !waits {
            let why = "the vault's secret is not known here, and its way back is another's: \
                       `learn-secret` takes the secret";
            return Err(refused(why));
        }
        let must: Vec<Coin> = scan.coins.into_iter().filter(|coin| coin.account == at).collect();
        if must.is_empty() {
            return Err(refused(format!("the vault {name:?} is empty")));
        }
        let lock = vault.lock();
        if !claims {
            self.check_open(lock, &must, scan.height, services)?;
        }
        let (lock_time, sequence) = match claims {
            true => (scan.height, None),
            false if lock.lock_time() == 0 => (0, Some(lock.sequence())),
            false => (lock.lock_time(), None),
        };
        let rate = self.rate(services)?;
        let order = Order {
            recipients: vec![TxOut { value: Amount::ZERO, script_pubkey }],
            rate,
            sweep: true,
            must,
            lock_time,
            sequence,
            ..Order::default()
        };
        let open = self.wallet()?;
        let plan = plan(&open.book, &[], &order, &mut SystemEntropy).map_err(refused)?;
        self.send(plan, None, services)
    }

    /// Refuses, with the height or time, what does not open yet.
    fn check_open(
        &mut self,
        lock: Lock,
        coins: &[Coin],
        height: u32,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        let Json(info) = services.call_node::<calls::GetChainInfo>(Vec::new())?;
        let tip_time = info.mediantime;
        for coin in coins {
            let mut coin_time = 0;
            if let (Lock::For(_), Some(mined @ 1..)) = (lock, coin.height) {
                let header = services.call_node::<calls::GetHeader>(vec![json!(mined - 1)])?;
                if let HeaderResult::Header(header) = header.read()? {
                    coin_time = header.mediantime;
                }
            }
            match lock.opens(coin.height, coin_time, height, tip_time) {
                Opens::Now => {}
                Opens::AtHeight(at) => {
                    let why = format!("the vault opens at height {at}, the chain is at {height}");
                    return Err(refused(why));
                }
                Opens::AtTime(at) => {
                    let why = format!(
                        "the vault opens at {at} seconds since 1970 by the chain's median time, \
                         which is {tip_time}: {} seconds to go",
                        at.saturating_sub(tip_time)
                    );
                    return Err(refused(why));
                }
                Opens::Unconfirmed => {
                    let why = "the vault's coin is not mined yet, its time has not begun to count";
                    return Err(refused(why));
                }
            }
        }
        Ok(())
    }

    /// Keeps the secret of a hash lock, which is asked for; gives its hash.
    pub fn learn_secret(
        &mut self,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let text = self.secrets.ask("Enter secret (64 hex digits): ", services.is_terminal())?;
        let secret: [u8; 32] =
            hex::decode_array(text.trim()).map_err(|_| wrong("the secret is not 64 hex digits"))?;
        self.wallet()?.book.add_secret(secret);
        self.touched(services)?;
        Ok(hex::encode(&sha256(&secret)))
    }

    /// Shows the secret of a hash at a terminal, to be handed over.
    pub fn show_secret(
        &mut self,
        hash: &str,
        services: &mut dyn ConsoleServices,
    ) -> Result<(), CallError> {
        let hash = hex::decode_array(hash.trim()).map_err(wrong)?;
        if !services.is_terminal() {
            let why = "a secret is shown at a terminal alone, never into a file or a pipe";
            return Err(CallError::new(ErrorKind::Forbidden, why));
        }
        let book = &self.wallet()?.book;
        let secret = book.secret_of(&hash);
        let secret = *secret.ok_or_else(|| CallError::not_found("that secret is not kept here"))?;
        if !services.confirm("whoever sees this secret can take what it locks; show it?") {
            return Err(refused("not shown"));
        }
        let text = zeroize::Zeroizing::new(hex::encode(&secret) + "\n");
        services.show_secret(&text)
    }

    /// Signs a message by an address of ours: BIP322, or BIP137 where `old`.
    pub fn sign_message(
        &mut self,
        address: &str,
        text: &[u8],
        old: bool,
        services: &mut dyn ConsoleServices,
    ) -> Result<String, CallError> {
        let params = services.config().params;
        let address = Address::from_text(address.trim(), params).map_err(wrong)?;
        let script = address.to_script();
        let open = self.wallet()?;
        for account in 0..open.book.accounts.len() {
            for branch in 0..2 {
                let next = open.book.accounts[account].next[branch] as usize;
                let change = open.book.accounts[account].descriptor.has_change();
                if branch == 0 || change {
                    let list =
                        open.scripts.extend(&open.book, account, branch, next + super::coins::GAP);
                    list.map_err(refused)?;
                }
            }
        }
        let place = open.scripts.place(&script);
        let (account, branch, index) = place.ok_or_else(|| {
            refused(format!("{} is not an address of this wallet", address.to_text(params)))
        })?;
        if old {
            let derived = open.book.accounts[account].descriptor.derive(branch, index);
            let derived = derived.map_err(refused)?;
            let master = open.book.master().map_err(refused)?;
            let key = derived.keys.first().and_then(|key| master.key_of(&key.origin));
            let signed = key.and_then(|key| message::sign_137(&key, &address, text));
            return signed.ok_or_else(|| {
                refused("BIP137 knows no signature for this kind of address: `sign-message` does")
            });
        }
        let (to_spend, to_sign) = transactions(&script, text);
        let coin = Coin {
            outpoint: OutPoint { txid: to_spend.txid(), vout: 0 },
            output: to_spend.outputs[0].clone(),
            height: None,
            coinbase: false,
            account,
            branch,
            index,
        };
        let plan = Plan {
            tx: to_sign,
            coins: vec![coin],
            fee: Amount::ZERO,
            change: None,
            sweep: false,
            vsize: 0,
        };
        let psbt = self.psbt(&plan, &[to_spend], services)?;
        let verdict = self.judge(psbt, services)?;
        let (psbt, _) = self.sign(verdict)?;
        Ok(message::simple(&super::pay::finished(psbt)?))
    }

    /// Whether a signature of a message is an address'; the key where the signature tells it.
    pub fn check_message(
        &mut self,
        address: &str,
        signature: &str,
        text: &[u8],
        services: &mut dyn ConsoleServices,
    ) -> Result<Value, CallError> {
        let params = services.config().params;
        let address = Address::from_text(address.trim(), params).map_err(wrong)?;
        let key = message::verify(&address, signature, text).map_err(refused)?;
        let book = Book::watch_only(params);
        Ok(json!({
            "signed_by": address_text(&book, &address.to_script()),
            "public_key": key.map(|key| hex::encode(&key)),
        }))
    }
}

/// A height, or seconds since 1970 from 500,000,000 on (BIP65).
fn absolute(text: &str) -> Result<Lock, CallError> {
    let why =
        format!("{text:?} is neither a height nor seconds since 1970 (from {TIME_THRESHOLD} on)");
    let number: u32 = text.trim().parse().map_err(|_| wrong(&why))?;
    Some(Lock::Until(number)).filter(|lock| lock.is_valid()).ok_or_else(|| wrong(&why))
}
