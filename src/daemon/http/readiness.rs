//! `/ready`, for load balancers: whether this node is synced and fresh enough to be asked.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::rpc::{App, plain};
use crate::daemon::chain_position::{Position, position};
use crate::daemon::clock::now_s;
use node::view::View;
use primitives::network::REGTEST;

/// Why the node is not ready; `None` when it is.
fn unready(at: Position, blocks: u32, age_s: Option<u32>) -> Option<String> {
    let behind = at.headers - at.height;
    if behind > u64::from(blocks) {
        return Some(format!(
            "not synced: height {} is {behind} blocks behind the best header, more than {blocks}",
            at.height
        ));
    }
    match age_s {
        Some(limit) if at.tip_age_s > limit => Some(format!(
            "the tip at height {} is {} seconds old, more than {limit}",
            at.height, at.tip_age_s
        )),
        _ => None,
    }
}

/// `/ready`.
pub fn ready(app: &App) -> Response<Body> {
    let view = app.backend.view();
    match unreadiness(app, &view) {
        Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
        None => {
            let height = view.tip().map_or(0, |tip| tip.height.0);
            plain(StatusCode::OK, format!("ready at height {height}"))
        }
    }
}

/// Why a balancer should send no requests to this node; `None` when it should.
pub fn unreadiness(app: &App, view: &View) -> Option<String> {
    let service = &app.config.service;
    // Blocks of a regression test come when they are asked for.
    let age = (view.params.name != REGTEST.name).then_some(service.ready_age);
    match position(view, now_s()) {
        Err(error) => Some(error.message),
        Ok(at) => unready(at, service.ready_blocks, age),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synced_and_fresh_is_ready() {
        let at = |height, headers, tip_age_s| Position { height, headers, tip_age_s };
        assert_eq!(unready(at(10, 13, 60), 3, Some(60)), None);
        assert!(unready(at(10, 14, 60), 3, Some(60)).is_some_and(|why| why.contains("4 blocks")));
        assert!(unready(at(10, 10, 61), 3, Some(60)).is_some_and(|why| why.contains("61 seconds")));
        assert_eq!(unready(at(10, 10, 61), 3, None), None);
    }
}
