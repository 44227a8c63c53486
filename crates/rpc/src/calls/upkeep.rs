//! Calls for maintaining a node: health, memory, schema, backups.

use rpc_types::upkeep as types;
use rpc_types::upkeep::{Health, IndexState, MemoryInfo, SchemaInfo};

use crate::call::{Call, Class, ReadCall, ServiceCall};
use crate::error::CallError;
use crate::service::Services;
use crate::value::{Count, Json};
use node::view::View;
use store::script_rows::ScriptIndex;
use store::tables::SCHEMA_VERSION;

pub struct GetHealth;

impl Call for GetHealth {
    const WORD: &'static str = "get-health";
    const METHOD: &'static str = "gethealth";
    const HELP: &'static str =
        "Health checks of the node and its data folder, each ok, warn or fail, with the reason.";
    const EXAMPLE: &'static str = "init-storage get-health .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json<Health>;
}

impl ServiceCall for GetHealth {
    fn run(services: &dyn Services, (): ()) -> Result<Self::Out, CallError> {
        Ok(Json(services.health()))
    }
}

pub struct Uptime;

impl Call for Uptime {
    const WORD: &'static str = "uptime";
    const METHOD: &'static str = "uptime";
    const HELP: &'static str = "Seconds since the node's process opened its data folder.";
    const EXAMPLE: &'static str = "init-storage uptime .";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Count;
}

impl ServiceCall for Uptime {
    fn run(services: &dyn Services, (): ()) -> Result<Count, CallError> {
        Ok(Count(services.uptime_s()))
    }
}

pub struct GetMemory;

impl Call for GetMemory {
    const WORD: &'static str = "get-memory";
    const METHOD: &'static str = "getmemoryinfo";
    const HELP: &'static str =
        "Memory use of the node's process and of its largest parts, in bytes.";
    const EXAMPLE: &'static str = "init-storage get-memory .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json<MemoryInfo>;
}

impl ServiceCall for GetMemory {
    fn run(services: &dyn Services, (): ()) -> Result<Self::Out, CallError> {
        services.memory().map(Json)
    }
}

pub struct GetSchema;

impl Call for GetSchema {
    const WORD: &'static str = "get-schema";
    const METHOD: &'static str = "getschema";
    const HELP: &'static str = "The schema version of the data folder, the one that this program writes, and the state of the indexes.";
    const EXAMPLE: &'static str = "init-storage get-schema .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json<SchemaInfo>;
}

impl ReadCall for GetSchema {
    fn run(view: &View, (): ()) -> Result<Self::Out, CallError> {
        let snapshot = view.read()?;
        let index = match snapshot.script_index()? {
            ScriptIndex::Ready => IndexState::Ready,
            ScriptIndex::Building(_) => IndexState::Building,
            ScriptIndex::Off => IndexState::Off,
        };
        let schema = snapshot.schema()?;
        Ok(Json(SchemaInfo {
            schema,
            known: SCHEMA_VERSION,
            current: schema == SCHEMA_VERSION && !view.store().is_behind(),
            address_index: index,
            building: view.store().build().is_some(),
        }))
    }
}

pub struct StartBackup;

impl Call for StartBackup {
    const WORD: &'static str = "start-backup";
    const METHOD: &'static str = "backup";
    const HELP: &'static str =
        "Start a backup of the chain's current state to a new file, given by its absolute path.";
    const EXAMPLE: &'static str =
        "init-storage : try s\" not/whole\" start-backup ; ' try catch drop";
    const CLASS: Class = Class::Admin;
    const PARAMS: &'static [&'static str] = &["file"];
    type In = (String,);
    type Out = Json<types::BackupStatus>;
}

impl ServiceCall for StartBackup {
    fn run(services: &dyn Services, (file,): Self::In) -> Result<Self::Out, CallError> {
        services.start_backup(&file).map(Json)
    }
}

pub struct BackupStatus;

impl Call for BackupStatus {
    const WORD: &'static str = "get-backup-status";
    const METHOD: &'static str = "getbackupinfo";
    const HELP: &'static str =
        "The progress or result of the last backup that this process was asked for.";
    const EXAMPLE: &'static str = "init-storage get-backup-status .json";
    const CLASS: Class = Class::Read;
    type In = ();
    type Out = Json<types::BackupStatus>;
}

impl ServiceCall for BackupStatus {
    fn run(services: &dyn Services, (): ()) -> Result<Self::Out, CallError> {
        Ok(Json(services.backup_status()))
    }
}

pub struct StopBackup;

impl Call for StopBackup {
    const WORD: &'static str = "stop-backup";
    const METHOD: &'static str = "stopbackup";
    const HELP: &'static str = "Abort the running backup and delete its file.";
    const EXAMPLE: &'static str = "init-storage stop-backup";
    const CLASS: Class = Class::Admin;
    type In = ();
    type Out = ();
}

impl ServiceCall for StopBackup {
    fn run(services: &dyn Services, (): ()) -> Result<(), CallError> {
        services.stop_backup();
        Ok(())
    }
}
