//! The height of the chain, and how far it lags behind the best header and the clock.

use node::view::View;
use rpc::call::ReadCall;
use rpc::error::CallError;
use rpc::table::calls::GetChainInfo;
use rpc::value::Json;

/// Where the chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub height: u64,
    /// The best header known, at least `height`.
    pub headers: u64,
    /// Seconds since the tip's block says it was made.
    pub tip_age_s: u32,
}

pub fn position(view: &View, now: u32) -> Result<Position, CallError> {
    let snapshot = view.read()?;
    let tip = snapshot.tip()?;
    let id = snapshot.id_at(tip.height)?;
    let row = id.map(|id| snapshot.header(id)).transpose()?.flatten();
    let time = row.map_or(0, |row| row.header.time);
    let height = u64::from(tip.height.0);
    let headers = GetChainInfo::run(view, ()).map_or(height, |Json(info)| info.headers.into());
    Ok(Position { height, headers: headers.max(height), tip_age_s: now.saturating_sub(time) })
}
