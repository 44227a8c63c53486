//! The balance of every script of the chain, page by page: for exports and audits.

use rpc_types::AmountText;
use rpc_types::address::{Balance, BalancePage};

use super::address::ready;
use crate::call::{Call, Class, ReadCall};
use crate::error::{CallError, ErrorKind};
use crate::show;
use crate::value::{Count, Json};
use node::view::View;
use primitives::address::Address;
use primitives::hex;
use store::script_rows::ScriptId;
use store::tables::SCRIPT_ID;

/// Scripts of one answer when nobody says, and at most.
const PAGE: u64 = 1000;
const MOST: u64 = 10_000;

pub struct ListHolders;

impl Call for ListHolders {
    const WORD: &'static str = "list-holders";
    const METHOD: &'static str = "listaddressbalances";
    const HELP: &'static str = "A page of the addresses that hold coins, with their balances, and where the next page starts.";
    const EXAMPLE: &'static str = "init-storage list-holders .json";
    const CLASS: Class = Class::Read;
    const PARAMS: &'static [&'static str] = &["count", "after"];
    type In = (Option<Count>, Option<String>);
    type Out = Json<BalancePage>;
}

impl ReadCall for ListHolders {
    fn run(view: &View, (count, after): Self::In) -> Result<Self::Out, CallError> {
        let count = count.map_or(PAGE, |count| count.0);
        if count == 0 || count > MOST {
            let why = format!("a page is 1 to {MOST} addresses");
            return Err(CallError::new(ErrorKind::OutOfRange, why));
        }
        let after = after.map(|text| {
            let bytes = hex::decode(text.trim()).ok();
            let id = bytes.and_then(|bytes| <[u8; SCRIPT_ID]>::try_from(bytes).ok());
            id.map(ScriptId).ok_or_else(|| {
                CallError::invalid_params("after is the `next` of the page before this one")
            })
        });
        let snapshot = view.read()?;
        ready(&snapshot)?;
        let page = snapshot.script_sums_after(after.transpose()?.as_ref(), count as usize)?;
        let next = (page.len() as u64 == count).then(|| page.last()).flatten();
        let next = next.map(|(id, _)| show::bytes(&id.0));
        let list = page.iter().map(|(_, held)| Balance {
            address: Address::from_script(&held.script).map(|a| a.to_text(view.params)),
            script: show::bytes(held.script.as_bytes()),
            balance: AmountText(show::amount(held.sum)),
            coins: held.coins,
        });
        Ok(Json(BalancePage { height: snapshot.tip()?.height.0, list: list.collect(), next }))
    }
}
