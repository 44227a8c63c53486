//! The block explorer's files, embedded in the program.

use std::sync::OnceLock;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::rpc::plain;
use crypto::hash::sha256;
use primitives::hex;

struct Page {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! page {
    ($path:literal, $kind:literal) => {
        Page { path: $path, kind: $kind, text: include_str!(concat!("../../../explorer/", $path)) }
    };
}

const PAGES: &[Page] = &[
    page!("index.html", "text/html; charset=utf-8"),
    page!("style.css", "text/css; charset=utf-8"),
    page!("address.js", "text/javascript; charset=utf-8"),
    page!("app.js", "text/javascript; charset=utf-8"),
    page!("blocks.js", "text/javascript; charset=utf-8"),
    page!("chart.js", "text/javascript; charset=utf-8"),
    page!("dashboard.js", "text/javascript; charset=utf-8"),
    page!("dom.js", "text/javascript; charset=utf-8"),
    page!("format.js", "text/javascript; charset=utf-8"),
    page!("headers.js", "text/javascript; charset=utf-8"),
    page!("link.js", "text/javascript; charset=utf-8"),
    page!("mempool.js", "text/javascript; charset=utf-8"),
    page!("search.js", "text/javascript; charset=utf-8"),
    page!("tx.js", "text/javascript; charset=utf-8"),
    page!("icon.svg", "image/svg+xml"),
];

/// A file of the explorer by its path below `/explorer/`; the empty path is the first page.
pub fn page(path: &str, headers: &HeaderMap) -> Response<Body> {
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(page) = PAGES.iter().find(|page| page.path == path) else {
        return plain(StatusCode::NOT_FOUND, "the explorer has no such page");
    };
    let tag = tag();
    let fresh = headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag);
    let mut response = match fresh {
        true => Response::new(Body::empty()),
        false => Response::new(Body::from(page.text)),
    };
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(page.kind));
    out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    out.insert(ETAG, tag.clone());
    out.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    out.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    out.insert(CONTENT_SECURITY_POLICY, policy(headers));
    response
}

/// The same as long as no file changes: pages that were fetched before stay good.
fn tag() -> &'static HeaderValue {
    static TAG: OnceLock<HeaderValue> = OnceLock::new();
    TAG.get_or_init(|| {
        let all: Vec<u8> = PAGES.iter().flat_map(|page| page.text.bytes()).collect();
        let text = format!("\"{}\"", hex::encode(&sha256(&all)[..8]));
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("\"0\""))
    })
}

/// Nothing but our own files, and the socket of the host that served them.
fn policy(headers: &HeaderMap) -> HeaderValue {
    const REST: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                        base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    // The Host was checked before; what could end a directive is not let through even so.
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .filter(|host| host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-[]".contains(&b)));
    let sockets = host.map_or(String::new(), |host| format!(" ws://{host} wss://{host}"));
    let text = format!("{REST}; connect-src 'self'{sockets}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(REST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_explorer_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/explorer");
        let mut kept: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder is there")
            .map(|file| file.expect("listed").file_name().to_string_lossy().into_owned())
            .collect();
        kept.sort();
        let mut served: Vec<&str> = PAGES.iter().map(|page| page.path).collect();
        served.sort_unstable();
        assert_eq!(kept, served);
        for page in PAGES.iter().filter(|page| page.path.ends_with(".js")) {
            for line in page.text.lines().filter(|line| line.starts_with("import ")) {
                let from = line.split("\"./").nth(1).and_then(|rest| rest.split('"').next());
                assert!(from.is_some_and(|file| served.contains(&file)), "{}: {line}", page.path);
            }
        }
        let known = page("app.js", &HeaderMap::from_iter([(IF_NONE_MATCH, tag().clone())]));
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn pages_ask_nobody_else() {
        for page in PAGES {
            for line in page.text.lines().filter(|line| !line.contains("www.w3.org/2000/svg")) {
                assert!(!line.contains("http://") && !line.contains("https://"), "{line}");
            }
            assert!(!page.text.contains("innerHTML"), "{}: text goes in as text", page.path);
            assert!(!page.text.contains("eval("), "{}", page.path);
        }
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost:1"))]);
        let response = page("", &headers);
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().expect("text");
        assert!(policy.contains("default-src 'none'") && policy.contains("ws://localhost:1"));
        assert_eq!(page("../secret", &headers).status(), StatusCode::NOT_FOUND);
    }
}
