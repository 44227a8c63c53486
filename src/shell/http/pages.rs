//! The explorer's files, inside the program.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::rpc::plain;

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
    page!("app.js", "text/javascript; charset=utf-8"),
    page!("icon.svg", "image/svg+xml"),
];

/// A file of the explorer by its path below `/explorer/`; the empty path is the first page.
pub fn page(path: &str, headers: &HeaderMap) -> Response<Body> {
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(page) = PAGES.iter().find(|page| page.path == path) else {
        return plain(StatusCode::NOT_FOUND, "the explorer has no such page");
    };
    let tag = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    let fresh =
        !cfg!(debug_assertions) && headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag);
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
    out.insert(ETAG, HeaderValue::from_static(tag));
    out.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    out.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    out.insert(CONTENT_SECURITY_POLICY, policy(headers));
    response
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
