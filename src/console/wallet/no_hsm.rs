//! What stands in for tokens where the program was built without them.

use crypto::sign::PrivateKey;
use rpc::error::{CallError, ErrorKind};
use wallet::keys::KeyOrigin;
use wallet::psbt::sign::Signer;

/// No token can be open.
pub enum Hsm {}

impl Hsm {
    pub fn open(_: &str, _: u64, _: &str) -> Result<Hsm, CallError> {
        let why = "this program was built without tokens: build it with --features hsm";
        Err(CallError::new(ErrorKind::Rejected, why))
    }

    pub fn new_key(&self, _: &str) -> Result<[u8; 33], CallError> {
        match *self {}
    }
}

impl Signer for Hsm {
    fn key(&self, _: Option<&KeyOrigin>, _: &[u8]) -> Option<PrivateKey> {
        match *self {}
    }
}
