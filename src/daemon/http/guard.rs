//! Access control of the API server: Host and Origin, credentials, proxies, rates.
//!
//! A page of another site must not reach the node through its visitor's browser: neither by a
//! cross-site WebSocket or form (the Origin check) nor by a name that is made to point here (the
//! Host check; DNS rebinding needs a name, so plain addresses are allowed).

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::config::Service;
use rpc::error::{CallError, ErrorKind};

/// The cookie's user, as Core's.
pub const COOKIE_USER: &str = "__cookie__";

/// Addresses whose rates are tracked; when full, idle ones are dropped.
const RATES: usize = 10_000;

/// Requests a second from one address by default; loopback has no limit then.
const DEFAULT_RATE: u32 = 1000;

/// The burst that is allowed after a pause, in seconds of the rate.
const BURST_S: f64 = 2.0;

/// The caller of an API: its address, and its user once authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub address: IpAddr,
    /// Authenticated by credentials, and so allowed every class of calls.
    pub user: Option<String>,
}

/// Wrong credentials, which unlike none are refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Unauthorized;

struct User {
    name: String,
    salt: String,
    hash: Vec<u8>,
}

/// The checks and what they need: made once, when the API server starts.
pub struct Guard {
    cookie_file: PathBuf,
    cookie: String,
    users: Vec<User>,
    hosts: Vec<String>,
    origins: Vec<String>,
    proxies: Vec<IpAddr>,
    rate: Option<u32>,
    rates: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

fn wrong_option(why: String) -> CallError {
    CallError::new(ErrorKind::InvalidParams, why)
}

impl Guard {
    /// Makes a new cookie and writes it to a file that only programs of the same user can read.
    pub fn new(service: &Service, cookie_file: &Path) -> Result<Guard, CallError> {
        let users = service.rpcauth.iter().map(|line| read_user(line)).collect::<Result<_, _>>()?;
        let proxy = |text: &String| {
            text.parse().map_err(|_| wrong_option(format!("--proxy {text:?} is not an address")))
        };
        let proxies = service.proxies.iter().map(proxy).collect::<Result<_, _>>()?;
        let mut secret = [0u8; 32];
        getrandom::fill(&mut secret).map_err(|e| {
            CallError::new(ErrorKind::Internal, format!("no randomness for the cookie: {e}"))
        })?;
        let cookie = HEXLOWER.encode(&secret);
        write_private(cookie_file, &format!("{COOKIE_USER}:{cookie}")).map_err(|e| {
            let path = cookie_file.display();
            CallError::new(ErrorKind::File, format!("the cookie {path} can't be written: {e}"))
        })?;
        Ok(Guard {
            cookie_file: cookie_file.to_owned(),
            cookie,
            users,
            hosts: service.hosts.iter().map(|host| host.to_lowercase()).collect(),
            origins: service.origins.iter().map(|origin| origin.to_lowercase()).collect(),
            proxies,
            rate: service.rate_limit,
            rates: Mutex::default(),
        })
    }

    /// The caller, or that its credentials are wrong. No credentials are not an error.
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Caller, Unauthorized> {
        let address = self.address(peer, headers);
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Ok(Caller { address, user: None });
        };
        let user = value.to_str().ok().and_then(|value| self.user(value)).ok_or(Unauthorized)?;
        Ok(Caller { address, user: Some(user) })
    }

    /// The address that the rate is counted for: `X-Real-IP` is believed of configured proxies only.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.proxies.contains(&peer) {
            return peer;
        }
        let named = headers.get("x-real-ip").and_then(|value| value.to_str().ok());
        named
            .and_then(|text| text.trim().parse::<IpAddr>().ok())
            .map_or(peer, |ip| ip.to_canonical())
    }

    /// The user of an `Authorization` header: `Basic`, or `Bearer` with the cookie's password.
    fn user(&self, value: &str) -> Option<String> {
        let (scheme, rest) = value.split_once(' ')?;
        let is_cookie = |given: &str| bool::from(given.as_bytes().ct_eq(self.cookie.as_bytes()));
        if scheme.eq_ignore_ascii_case("bearer") {
            return is_cookie(rest.trim()).then(|| COOKIE_USER.to_owned());
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(BASE64.decode(rest.trim().as_bytes()).ok()?).ok()?;
        let (name, password) = decoded.split_once(':')?;
        if name == COOKIE_USER {
            return is_cookie(password).then(|| name.to_owned());
        }
        // Every user is compared, so that the time taken does not reveal which names exist.
        let fits = |user: &User| {
            let hash = hash_password(&user.salt, password);
            bool::from(user.name.as_bytes().ct_eq(name.as_bytes()) & hash.ct_eq(&user.hash))
        };
        (self.users.iter().filter(|user| fits(user)).count() > 0).then(|| name.to_owned())
    }

    /// True when the request's Host is one of ours. A request without one is not a browser's.
    pub fn host_allowed(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let host = headers.get(HOST).map(|value| value.to_str().unwrap_or("?"));
        let Some(host) = host.or_else(|| uri.authority().map(|authority| authority.as_str()))
        else {
            return true;
        };
        let name = host_name(host).to_lowercase();
        name == "localhost"
            || name.parse::<IpAddr>().is_ok()
            || name
                .strip_prefix('[')
                .and_then(|name| name.strip_suffix(']'))
                .is_some_and(|name| name.parse::<Ipv6Addr>().is_ok())
            || self.hosts.contains(&name)
    }

    /// True when the page that asks is ours or an allowed one. A request without Origin is not a
    /// browser page's.
    pub fn origin_allowed(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else { return true };
        let Ok(origin) = origin.to_str().map(str::to_lowercase) else { return false };
        if self.origins.contains(&origin) {
            return true;
        }
        let asked = headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_lowercase);
        let page = origin.split_once("://").map(|(_, authority)| authority);
        page.is_some() && page == asked.as_deref()
    }

    /// Takes `count` requests from the address's rate; false when it has used it up.
    pub fn take_rate(&self, address: IpAddr, count: usize) -> bool {
        let rate = match self.rate {
            Some(0) => return true,
            Some(rate) => rate,
            None if address.is_loopback() => return true,
            None => DEFAULT_RATE,
        };
        let (rate, now) = (f64::from(rate), Instant::now());
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        if rates.len() >= RATES && !rates.contains_key(&address) {
            // An address that was idle longer than a burst has its whole burst again.
            rates.retain(|_, bucket| now.duration_since(bucket.at).as_secs_f64() < BURST_S);
            if rates.len() >= RATES {
                return false;
            }
        }
        let burst = rate * BURST_S;
        let bucket = rates.entry(address).or_insert(Bucket { left: burst, at: now });
        let since = now.duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + since * rate).min(burst);
        bucket.at = now;
        // A batch larger than a whole burst is allowed when the burst is unused.
        let allowed = bucket.left >= (count as f64).min(burst);
        if allowed {
            bucket.left -= count as f64;
        }
        allowed
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Nothing to do about a file that is already gone.
        let _ = fs::remove_file(&self.cookie_file);
    }
}

/// The name of `NAME:PORT`, `[V6]:PORT` or either without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            name
        }
        _ => host,
    }
}

fn read_user(line: &str) -> Result<User, CallError> {
    let parts = line.split_once(':').and_then(|(name, rest)| {
        let (salt, hash) = rest.split_once('$')?;
        let hash =
            HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).ok().filter(|hash| hash.len() == 32)?;
        Some(User { name: name.to_owned(), salt: salt.to_owned(), hash })
    });
    // The line itself is not repeated: it may hold a password by mistake.
    parts
        .ok_or_else(|| wrong_option("--rpcauth wants USER:SALT$HASH with 64 hex digits".to_owned()))
}

/// HMAC-SHA256 of the password under the salt's text, as Core's `share/rpcauth`.
fn hash_password(salt: &str, password: &str) -> Vec<u8> {
    // HMAC takes keys of any length, so this never fails.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(salt.as_bytes()) else { return Vec::new() };
    mac.update(password.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let early = path.with_extension("new");
    match fs::remove_file(&early) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&early)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&early, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn guard(service: Service) -> (tempfile::TempDir, Guard) {
        let folder = tempfile::tempdir().expect("a folder");
        let guard = Guard::new(&service, &folder.path().join(".cookie")).expect("it is written");
        (folder, guard)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), value.parse().expect("a value"))
        });
        pairs.collect()
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn cookie_and_users() {
        // From Core's test/functional/rpc_users.py.
        let rpcauth = "rt:93648e835a54c573682c2eb19f882535$7681e9c5b74bdd85e78166031d2058e1069b3ed7ed967c93fc63abba06f31144";
        let service = Service { rpcauth: vec![rpcauth.to_owned()], ..Service::default() };
        let (folder, guard) = guard(service);
        let file = folder.path().join(".cookie");
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let cookie = fs::read_to_string(&file).expect("readable");
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text.as_bytes()));
        let who = |value: &str| guard.caller(HERE, &headers(&[("authorization", value)]));
        assert_eq!(who(&basic(&cookie)).expect("the cookie").user.as_deref(), Some(COOKIE_USER));
        let rt = basic("rt:cA773lm788buwYe4g4WT+05pKyNruVKjQ25x3n0DQcM=");
        assert_eq!(who(&rt).expect("Core's user").user.as_deref(), Some("rt"));
        let bearer = format!("Bearer {}", &cookie[COOKIE_USER.len() + 1..]);
        assert!(who(&bearer).is_ok());
        for wrong in [basic("rt:x"), basic("nobody:x"), basic("__cookie__:"), "Basic ?".into()] {
            assert_eq!(who(&wrong), Err(Unauthorized));
        }
        assert_eq!(guard.caller(HERE, &HeaderMap::new()).expect("none is no fault").user, None);
        drop(guard);
        assert!(!file.exists());
        assert!(
            Guard::new(&Service { rpcauth: vec!["me:secret".into()], ..Service::default() }, &file)
                .is_err_and(|e| !e.message.contains("secret"))
        );
    }

    #[test]
    fn hosts_and_origins() {
        let service = Service {
            hosts: vec!["node.example".into()],
            origins: vec!["https://wallet.example".into()],
            ..Service::default()
        };
        let (_folder, guard) = guard(service);
        let uri = Uri::from_static("/");
        let host = |name: &str| guard.host_allowed(&headers(&[("host", name)]), &uri);
        for fine in ["localhost:8765", "127.0.0.1", "[::1]:8765", "10.1.2.3:80", "Node.Example:1"] {
            assert!(host(fine), "{fine}");
        }
        for foreign in ["evil.example", "localhost.evil.example:8765", "127.0.0.1.evil", "", ":1"] {
            assert!(!host(foreign), "{foreign}");
        }
        let origin = |origin: &str| {
            guard.origin_allowed(&headers(&[("host", "127.0.0.1:8765"), ("origin", origin)]))
        };
        assert!(origin("http://127.0.0.1:8765") && origin("https://wallet.example"));
        for foreign in ["null", "http://evil.example", "http://127.0.0.1:80", "127.0.0.1:8765"] {
            assert!(!origin(foreign), "{foreign}");
        }
        assert!(guard.origin_allowed(&HeaderMap::new()));
    }

    #[test]
    fn only_named_proxies_are_believed() {
        let service = Service { proxies: vec!["10.0.0.1".into()], ..Service::default() };
        let (_folder, guard) = guard(service);
        let said = headers(&[("x-real-ip", "192.0.2.7")]);
        let proxy: IpAddr = "::ffff:10.0.0.1".parse().expect("an address");
        assert_eq!(guard.address(proxy, &said).to_string(), "192.0.2.7");
        assert_eq!(guard.address(HERE, &said), HERE);
        assert_eq!(guard.address(proxy, &headers(&[("x-real-ip", "?")])).to_string(), "10.0.0.1");
    }

    #[test]
    fn rates() {
        let (_folder, guard) = guard(Service { rate_limit: Some(10), ..Service::default() });
        assert_eq!((0..100).filter(|_| guard.take_rate(HERE, 1)).count(), 20);
        assert!(guard.take_rate("192.0.2.1".parse().expect("an address"), 1000));
        let (_folder, free) = self::guard(Service::default());
        assert!((0..10_000).all(|_| free.take_rate(HERE, 1)));
        assert!(!(0..10_000).all(|_| free.take_rate("192.0.2.1".parse().expect("one"), 1)));
    }
}
