//! Who asks this process for something.

use std::net::IpAddr;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Who {
    /// `console`, `control` or `http`.
    pub door: &'static str,
    /// A user's name, or `uid N`; nobody without credentials.
    pub user: Option<String>,
    pub address: Option<IpAddr>,
}

impl Who {
    /// The console of this process.
    pub fn console() -> Who {
        let user = format!("uid {}", rustix::process::getuid().as_raw());
        Who { door: "console", user: Some(user), address: None }
    }
}
