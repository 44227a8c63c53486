//! Opens a client: of a remote node, of the node that runs on the data folder, or of the folder
//! itself.

use std::time::Instant;

use super::control::ControlClient;
use super::data_folder::{LOCK_WAIT, RETRY_EVERY, Stage, lock, no_answer};
use super::embedded_client::EmbeddedClient;
use super::remote_client::RemoteClient;
use crate::config::Config;
use rpc::door::Door;
use rpc::error::{CallError, ErrorKind};

/// A client of the remote node that was named, of the node that runs on the folder, or of the folder
/// itself. `serve`: accept other consoles at once, not only when something is changed.
pub fn open(config: &Config, serve: bool) -> Result<Box<dyn Door>, CallError> {
    if let Some(url) = &config.service.attach {
        return Ok(Box::new(RemoteClient::connect(config, url)?));
    }
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match ControlClient::connect(&config.control_socket()) {
            Ok(Some(client)) => return Ok(Box::new(client)),
            Ok(None) => {}
            Err(e) => {
                let path = config.control_socket();
                let why = format!("a node serves {} but does not let us in: {e}", path.display());
                return Err(CallError::new(ErrorKind::NoNode, why));
            }
        }
        let stage = if serve { Stage::Starting } else { Stage::Ready };
        if let Some(folder) = lock(config, stage)? {
            let mut client = EmbeddedClient::new(folder);
            if serve {
                client.serve()?;
                client.begin()?;
            }
            return Ok(Box::new(client));
        }
        if Instant::now() > deadline {
            return Err(no_answer(config));
        }
        std::thread::sleep(RETRY_EVERY);
    }
}
