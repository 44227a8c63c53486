//! The network as people read it: the table of peers, the bar of the sync.

use std::fmt::Write;

use serde_json::Value;

use super::json::plain;

/// Characters of a peer's name for itself, and of an address, that are shown.
const AGENT: usize = 20;
const ADDRESS: usize = 28;
const BAR: u64 = 30;

fn cut(text: String, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text,
    }
}

/// What `get-peer-info` gave, one line a peer.
pub fn peers(value: &Value) -> String {
    let Some(peers) = value.as_array().filter(|peers| !peers.is_empty()) else {
        return "no peers\n".to_owned();
    };
    let row = |cells: [String; 8]| {
        let [id, address, way, agent, height, latency, bytes, score] = cells;
        format!(
            "{id:>4}  {address:<ADDRESS$} {way:<3} {agent:<AGENT$} {height:>8} {latency:>8} \
             {bytes:>17} {score:>5}\n"
        )
    };
    let names = ["id", "address", "", "agent", "height", "latency", "received/sent", "score"];
    let mut text = row(names.map(str::to_owned));
    for peer in peers {
        let of = |name: &str| peer.get(name).unwrap_or(&Value::Null);
        let known = |name: &str| of(name).as_i64().filter(|height| *height >= 0);
        let height = known("synced_headers").or(known("startingheight"));
        let latency = of("pingtime").as_f64().map(|s| format!("{:.0} ms", s * 1000.0));
        text += &row([
            plain(of("id")),
            cut(plain(of("addr")), ADDRESS),
            if of("inbound") == &Value::Bool(true) { "in" } else { "out" }.to_owned(),
            cut(plain(of("subver")), AGENT),
            height.map_or_else(|| "-".to_owned(), |height| height.to_string()),
            latency.unwrap_or_else(|| "-".to_owned()),
            format!("{}/{}", plain(of("bytesrecv")), plain(of("bytessent"))),
            plain(of("banscore")),
        ]);
    }
    text
}

/// What `get-sync-status` gave, in one line with a bar.
pub fn sync(value: &Value) -> String {
    let number = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (blocks, headers) = (number("blocks"), number("headers"));
    let rate = value.get("blocks_per_second").and_then(Value::as_f64).unwrap_or(0.0);
    let done = (blocks * BAR / headers.max(1)).min(BAR) as usize;
    let bar = "#".repeat(done) + &"-".repeat(BAR as usize - done);
    let percent = (blocks * 100 / headers.max(1)).min(100);
    let mut text = format!("[{bar}] {percent:3} %  {blocks} of {headers} blocks");
    match value.get("synced").and_then(Value::as_bool) {
        Some(true) => text.push_str(", synced"),
        _ => {
            let _ = write!(text, ", {rate:.1} blocks/s");
            if let Some(left) = value.get("seconds_left").and_then(Value::as_u64) {
                let _ =
                    write!(text, ", {}:{:02}:{:02} left", left / 3600, left / 60 % 60, left % 60);
            }
        }
    }
    if value.get("readonly").and_then(Value::as_bool) == Some(true) {
        text.push_str(", a replica");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_peer_is_a_line_and_its_name_steers_no_terminal() {
        assert_eq!(peers(&json!([])), "no peers\n");
        let table = peers(&json!([{
            "id": 3, "addr": "10.0.0.1:8333", "inbound": false, "subver": "/x\u{1b}[2J:1/",
            "synced_headers": 7, "pingtime": 0.0312, "bytesrecv": 10, "bytessent": 20,
            "banscore": 0,
        }]));
        let line = table.lines().nth(1).expect("a line");
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            cells,
            ["3", "10.0.0.1:8333", "out", "/x\u{fffd}[2J:1/", "7", "31", "ms", "10/20", "0"]
        );
    }

    #[test]
    fn the_bar_follows_the_blocks() {
        let half = json!({
            "headers": 200, "blocks": 100, "blocks_per_second": 12.5, "seconds_left": 3661,
            "synced": false, "readonly": false,
        });
        assert_eq!(
            sync(&half),
            "[###############---------------]  50 %  100 of 200 blocks, 12.5 blocks/s, 1:01:01 left\n"
        );
        let all = json!({"headers": 5, "blocks": 5, "synced": true, "readonly": true});
        assert!(sync(&all).ends_with("100 %  5 of 5 blocks, synced, a replica\n"));
    }
}
