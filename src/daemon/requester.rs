//! Who asks this process for something, for permission and for the audit log.

use std::net::IpAddr;

/// The origin of a request.
#[derive(Debug, Clone)]
pub struct Requester {
    /// `console`, `control` or `http`.
    pub transport: &'static str,
    /// A user's name, or `uid N`; `None` without credentials.
    pub user: Option<String>,
    pub address: Option<IpAddr>,
}

impl Requester {
    /// The console of this process.
    pub fn console() -> Requester {
        let user = format!("uid {}", rustix::process::getuid().as_raw());
        Requester { transport: "console", user: Some(user), address: None }
    }
}
