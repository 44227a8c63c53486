//! Calls about the API server and the logs of the process that owns the node.

use rpc_types::upkeep::ServerInfo;

use crate::call::{Call, Class, ServiceCall};
use crate::error::CallError;
use crate::service::Services;
use crate::value::Json;

pub struct StartServer;

impl Call for StartServer {
    const WORD: &'static str = "open-ws-server";
    const METHOD: &'static str = "startserver";
    const HELP: &'static str = "Start the API server (WebSocket and HTTP) on the address of --websocket, or 127.0.0.1:8765.";
    const EXAMPLE: &'static str =
        "init-storage : try ['] open-ws-server catch 0= if type then ; try";
    const CLASS: Class = Class::Admin;
    const NEEDS_NODE: bool = true;
    type In = ();
    type Out = Json<ServerInfo>;
}

impl ServiceCall for StartServer {
    fn run(services: &dyn Services, (): ()) -> Result<Self::Out, CallError> {
        services.start_server().map(Json)
    }
}

pub struct StopServer;

impl Call for StopServer {
    const WORD: &'static str = "stop-ws-server";
    const METHOD: &'static str = "stopserver";
    const HELP: &'static str =
        "Stop the API server (WebSocket and HTTP) and close its connections.";
    const EXAMPLE: &'static str = "init-storage stop-ws-server";
    const CLASS: Class = Class::Admin;
    const NEEDS_NODE: bool = true;
    type In = ();
    type Out = ();
}

impl ServiceCall for StopServer {
    fn run(services: &dyn Services, (): ()) -> Result<(), CallError> {
        services.stop_server()
    }
}

pub struct StopNode;

impl Call for StopNode {
    const WORD: &'static str = "stop-node";
    const METHOD: &'static str = "stop";
    const HELP: &'static str = "Shut down the running node cleanly, as SIGTERM does.";
    const EXAMPLE: &'static str = "init-storage : try stop-node type ; ' try catch .";
    const CLASS: Class = Class::Admin;
    const RESULT: &'static str = "A message that the node stops.";
    type In = ();
    type Out = String;
}

impl ServiceCall for StopNode {
    fn run(services: &dyn Services, (): ()) -> Result<String, CallError> {
        services.stop_node()?;
        Ok("ForthCoin stopping".to_owned())
    }
}

pub struct ServerStatus;

impl Call for ServerStatus {
    const WORD: &'static str = "get-ws-status";
    const METHOD: &'static str = "getserverinfo";
    const HELP: &'static str =
        "The state of the API server (WebSocket and HTTP): address, connections, requests.";
    const EXAMPLE: &'static str = "init-storage get-ws-status .json";
    const CLASS: Class = Class::Read;
    const NEEDS_NODE: bool = true;
    type In = ();
    type Out = Json<ServerInfo>;
}

impl ServiceCall for ServerStatus {
    fn run(services: &dyn Services, (): ()) -> Result<Self::Out, CallError> {
        Ok(Json(services.server_status()))
    }
}

pub struct SetLogLevel;

impl Call for SetLogLevel {
    const WORD: &'static str = "set-log-level";
    const METHOD: &'static str = "loglevel";
    const HELP: &'static str =
        "Set the log level: error, warn, info, debug or trace, also per target (info,http=debug).";
    const EXAMPLE: &'static str =
        "init-storage : try s\" info\" set-log-level type ; ' try catch drop";
    const CLASS: Class = Class::Operate;
    const NEEDS_NODE: bool = true;
    const PARAMS: &'static [&'static str] = &["filter"];
    const RESULT: &'static str = "The filter now in force.";
    type In = (String,);
    type Out = String;
}

impl ServiceCall for SetLogLevel {
    fn run(services: &dyn Services, (filter,): Self::In) -> Result<String, CallError> {
        services.set_log_level(&filter)
    }
}
