//! Calls whose answers the console reads: as their types, not by names of members.

use serde_json::Value;

use super::host::ConsoleHost;
use super::wallet::session::ConsoleServices;
use rpc::call::{Call, typed};
use rpc::error::CallError;

impl ConsoleHost {
    /// Asks the node a call of the table.
    pub(super) fn call_node<C: Call>(&mut self, params: Vec<Value>) -> Result<C::Out, CallError> {
        typed::<C>(self.ask(C::METHOD, params)?)
    }
}

impl dyn ConsoleServices + '_ {
    /// Asks the node a call of the table.
    pub(super) fn call_node<C: Call>(&mut self, params: Vec<Value>) -> Result<C::Out, CallError> {
        typed::<C>(self.ask(C::METHOD, params)?)
    }
}
