//! Wallets at the console: keys, passphrases and phrases stay in this process.

mod coins;

#[cfg(feature = "hsm")]
mod hsm;
#[cfg(not(feature = "hsm"))]
#[path = "no_hsm.rs"]
mod hsm;
pub mod pay;
mod psbt_files;
mod qr;
mod script_cache;
mod secret;
pub mod session;
mod vaults;
pub mod words;

use std::path::Path;

use self::pay::PaymentRequest;
use self::session::{ConsoleServices, WalletSession, wrong};
use self::words::Word;
use forth2012::host::{HostContext, Throw};
use primitives::amount::Amount;
use primitives::tx::TxOut;
use rpc::error::CallError;

fn throw(error: CallError) -> Throw {
    Throw::new(error.kind.throw_code(), error.message)
}

fn pop_text(context: &mut HostContext<'_>) -> Result<String, Throw> {
    let text = context.pop_string()?;
    String::from_utf8(text).map_err(|_| throw(wrong("the text is not UTF-8")))
}

/// What `wallet-cli` shows.
const HELP: &str = "\
make    new | restore-phrase | load-encrypted FILE | watch DESCRIPTOR
keep    save-encrypted FILE, then save | change-passphrase | verify-wallet FILE | show-phrase
look    wallet-info | balance | utxos | history | descriptors
get     address | use-account NAME | qr TEXT
pay     plan-send ADDRESS AMOUNT | send ADDRESS AMOUNT | send-many JSON | sweep ADDRESS
care    fee-rate N | bump TXID | cpfp TXID | lock-coin TXID:N | unlock-coin TXID:N
share   multisig-key | multisig-2of3 KEYS | multisig-budget KEYS | multisig-treasury KEYS
        multisig-info | psbt-create FILE ADDRESS AMOUNT | psbt-show FILE | multisig-sigs FILE
        multisig-sign FROM TO | psbt-combine TO FILES | multisig-broadcast FILE
vault   lock-until HEIGHT|TIME AMOUNT | lock-for BLOCKS|SECONDSs AMOUNT | vault-key
        hash-lock HASH|new KEY HEIGHT|TIME AMOUNT | open-vault NAME ADDRESS | learn-secret
token   hsm-open MODULE SLOT | hsm-new-key NAME | hsm-sign FROM TO
prove   sign-message ADDRESS TEXT | check-message ADDRESS SIGNATURE TEXT
amounts are coins with a point (1.5) or base units (150000sat); `help WORD` explains a word
";

/// What a word leaves on the stack.
enum Left {
    Nothing,
    Number(i64),
    Text(String),
}

/// Runs a word of the wallet.
pub fn run(
    desk: &mut WalletSession,
    word: Word,
    around: &mut dyn ConsoleServices,
    context: &mut HostContext<'_>,
) -> Result<(), Throw> {
    match left(desk, word, around, context)? {
        Left::Nothing => Ok(()),
        Left::Number(number) => context.push(number),
        Left::Text(text) => context.push_string(text.as_bytes()),
    }
}

/// An output of the address and amount on the stack.
fn pop_payment(
    desk: &WalletSession,
    around: &dyn ConsoleServices,
    context: &mut HostContext<'_>,
) -> Result<PaymentRequest, Throw> {
    let value = Amount(context.pop()?);
    let address = pop_text(context)?;
    let script_pubkey = desk.script_of(&address, around).map_err(throw)?;
    if !value.is_money() {
        return Err(throw(wrong("the amount is below zero, or more than can exist")));
    }
    Ok(PaymentRequest::Pay(vec![TxOut { value, script_pubkey }]))
}

fn left(
    desk: &mut WalletSession,
    word: Word,
    around: &mut dyn ConsoleServices,
    context: &mut HostContext<'_>,
) -> Result<Left, Throw> {
    let json = |value: serde_json::Value| Left::Text(value.to_string());
    let nothing = |()| Left::Nothing;
    let done: Result<Left, CallError> = match word {
        Word::New => desk.create(around).map(json),
        Word::Restore => desk.restore(around).map(json),
        Word::SaveTo => desk.save_to(Path::new(&pop_text(context)?), around).map(nothing),
        Word::Save => desk.save(around).map(nothing),
        Word::LoadFrom => desk.load_from(Path::new(&pop_text(context)?), around).map(nothing),
        Word::VerifyBackup => desk.verify_backup(Path::new(&pop_text(context)?), around).map(json),
        Word::ChangePassphrase => desk.change_passphrase(around).map(nothing),
        Word::HsmOpen => {
            let slot = context.pop()?;
            desk.open_token(&pop_text(context)?, slot, around).map(nothing)
        }
        Word::HsmNewKey => desk.new_token_key(pop_text(context)?.trim()).map(Left::Text),
        Word::HsmSign => {
            let (to, from) = (pop_text(context)?, pop_text(context)?);
            desk.sign_by_token(Path::new(&from), Path::new(&to), around).map(Left::Number)
        }
        Word::Close => desk.close(around).map(nothing),
        Word::ShowPhrase => desk.show_phrase(around).map(nothing),
        Word::NextAddress => desk.next_address(around).map(Left::Text),
        Word::UseAccount => desk.use_account(pop_text(context)?.trim()).map(nothing),
        Word::Info => desk.info().map(json),
        Word::Descriptors => desk.descriptors().map(json),
        Word::Watch => desk.watch(&pop_text(context)?, around).map(json),
        Word::Balance => desk.balance(around).map(Left::Number),
        Word::Balances => desk.balances(around).map(json),
        Word::Utxos => desk.utxos(around).map(json),
        Word::History => desk.history(around).map(json),
        Word::Amount => {
            let amount = pop_text(context)?.trim().parse::<Amount>();
            amount.map(|amount| Left::Number(amount.0)).map_err(wrong)
        }
        Word::FeeRate => desk.set_rate(context.pop()?).map(nothing),
        Word::LockCoin => desk.lock_coin(&pop_text(context)?, true, around).map(nothing),
        Word::UnlockCoin => desk.lock_coin(&pop_text(context)?, false, around).map(nothing),
        Word::Plan => {
            let wish = pop_payment(desk, around, context)?;
            desk.plan(wish, around).and_then(|plan| desk.shown(&plan)).map(json)
        }
        Word::Send => {
            let wish = pop_payment(desk, around, context)?;
            pay(desk, wish, around)
        }
        Word::SendMany => {
            let list = context.pop_string()?;
            let recipients = desk.recipients(&list, around).map_err(throw)?;
            pay(desk, PaymentRequest::Pay(recipients), around)
        }
        Word::Sweep => {
            let script = desk.script_of(&pop_text(context)?, around).map_err(throw)?;
            pay(desk, PaymentRequest::Sweep(script), around)
        }
        Word::Bump => desk.bump(&pop_text(context)?, around).map(Left::Text),
        Word::Cpfp => desk.cpfp(&pop_text(context)?, around).map(Left::Text),
        Word::PsbtCreate => {
            let path = pop_text(context)?;
            let wish = pop_payment(desk, around, context)?;
            desk.create_psbt(wish, Path::new(&path), around).map(nothing)
        }
        Word::PsbtLook => desk.look_at(Path::new(&pop_text(context)?), around).map(json),
        Word::PsbtSign => {
            let (to, from) = (pop_text(context)?, pop_text(context)?);
            desk.sign_psbt(Path::new(&from), Path::new(&to), around).map(Left::Number)
        }
        Word::PsbtCombine => {
            let (to, from) = (pop_text(context)?, pop_text(context)?);
            let from: Vec<&Path> = from.split_whitespace().map(Path::new).collect();
            desk.combine(&from, Path::new(&to)).map(nothing)
        }
        Word::PsbtFinalize => {
            let (to, from) = (pop_text(context)?, pop_text(context)?);
            desk.finalize(Path::new(&from), Path::new(&to)).map(nothing)
        }
        Word::PsbtExtract => desk.extract(Path::new(&pop_text(context)?)).map(Left::Text),
        Word::PsbtBroadcast => {
            desk.broadcast(Path::new(&pop_text(context)?), around).map(Left::Text)
        }
        Word::PsbtConvert => {
            let to = pop_text(context)?;
            let version = context.pop()?;
            let from = pop_text(context)?;
            desk.convert(Path::new(&from), version, Path::new(&to)).map(nothing)
        }
        Word::Cosigner => desk.cosigner().map(Left::Text),
        Word::Multisig => {
            let name = pop_text(context)?;
            let required = context.pop()?;
            let keys = pop_text(context)?;
            let keys: Vec<&str> = keys.split_whitespace().collect();
            desk.make_multisig(name.trim(), required, &keys, around).map(json)
        }
        Word::MultisigInfo => desk.multisig_info().map(json),
        Word::Signatures => desk.signatures(Path::new(&pop_text(context)?), around).map(json),
        Word::RestOfLine => Ok(Left::Text(context.parse_rest_of_line())),
        Word::SlurpText => psbt_files::read(Path::new(&pop_text(context)?))
            .map(|psbt| Left::Text(psbt.to_base64())),
        Word::Help => Ok(Left::Text(HELP.to_owned())),
        Word::Qr => qr::picture(&context.pop_string()?).map(Left::Text),
        Word::VaultKey => desk.show_vault_key().map(Left::Text),
        Word::LockUntil => {
            let amount = Amount(context.pop()?);
            desk.lock_until(&pop_text(context)?, amount, around).map(json)
        }
        Word::LockFor => {
            let amount = Amount(context.pop()?);
            desk.lock_for(&pop_text(context)?, amount, around).map(json)
        }
        Word::HashLock => {
            let amount = Amount(context.pop()?);
            let (until, key, hash) = (pop_text(context)?, pop_text(context)?, pop_text(context)?);
            desk.hash_lock([&hash, &key, &until], amount, around).map(json)
        }
        Word::OpenVault => {
            let (address, name) = (pop_text(context)?, pop_text(context)?);
            desk.open_vault(&name, &address, around).map(Left::Text)
        }
        Word::LearnSecret => desk.learn_secret(around).map(|_| Left::Nothing),
        Word::ShowSecret => desk.show_secret(&pop_text(context)?, around).map(nothing),
        Word::SignMessage | Word::SignMessageOld => {
            let message = context.pop_string()?;
            let address = pop_text(context)?;
            let old = word == Word::SignMessageOld;
            desk.sign_message(&address, &message, old, around).map(Left::Text)
        }
        Word::CheckMessage => {
            let message = context.pop_string()?;
            let (signature, address) = (pop_text(context)?, pop_text(context)?);
            desk.check_message(&address, &signature, &message, around).map(json)
        }
    };
    done.map_err(throw)
}

fn pay(
    desk: &mut WalletSession,
    wish: PaymentRequest,
    around: &mut dyn ConsoleServices,
) -> Result<Left, CallError> {
    let plan = desk.plan(wish, around)?;
    desk.send(plan, None, around).map(Left::Text)
}
