//! Opens the way to a node: the one that runs on the data folder, or the folder itself.

use std::time::Instant;

use super::control::ControlDoor;
use super::data_folder::{HELD_FOR, Holding, RETRY_EVERY, hold, in_use};
use super::embedded_client::EmbeddedDoor;
use super::remote_client::AttachedDoor;
use crate::config::Config;
use rpc::door::Door;
use rpc::error::{CallError, ErrorKind};

/// A door to the node of the folder, or to the folder itself. `serve`: let other consoles in at
/// once, not only when something is changed.
pub fn open(config: &Config, serve: bool) -> Result<Box<dyn Door>, CallError> {
    if let Some(url) = &config.service.attach {
        return Ok(Box::new(AttachedDoor::connect(config, url)?));
    }
    let deadline = Instant::now() + HELD_FOR;
    loop {
        match ControlDoor::connect(&config.control_socket()) {
            Ok(Some(door)) => return Ok(Box::new(door)),
            Ok(None) => {}
            Err(e) => {
                let path = config.control_socket();
                let why = format!("a node serves {} but does not let us in: {e}", path.display());
                return Err(CallError::new(ErrorKind::NoNode, why));
            }
        }
        let holding = if serve { Holding::Starting } else { Holding::Ready };
        if let Some(held) = hold(config, holding)? {
            let mut door = EmbeddedDoor::new(held);
            if serve {
                door.serve()?;
                door.begin()?;
            }
            return Ok(Box::new(door));
        }
        if Instant::now() > deadline {
            return Err(in_use(config));
        }
        std::thread::sleep(RETRY_EVERY);
    }
}
