//! What a call is: one type with its word, RPC name, help, class, parameters and code.

use serde_json::{Map, Value};

use super::error::{CallError, ErrorKind};
use super::service::Services;
use super::value::{Inputs, Kind, Param, Reply, Shape};
use super::wire::Params;
use node::io::{Act, Done};
use node::view::View;

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Changes nothing; open to everybody who can connect.
    Read,
    /// Changes what the node does.
    Operate,
    /// Changes what the node is.
    Admin,
}

/// A call. Stack effect and JSON schema derive from `In` and `Out`.
pub trait Call {
    /// The console word, a plain stack word.
    const WORD: &'static str;
    /// The JSON-RPC method, Bitcoin Core's name where Core has one.
    const METHOD: &'static str;
    /// One sentence.
    const HELP: &'static str;
    /// A line for the console that works on a fresh regtest folder.
    const EXAMPLE: &'static str;
    const CLASS: Class;
    /// It asks for what only a running node has: the pool, peers, mining, its port.
    const NEEDS_NODE: bool = false;
    /// Names of the parameters, in order.
    const PARAMS: &'static [&'static str] = &[];
    /// What the result is, where neither its type nor `HELP` says it.
    const RESULT: &'static str = "";
    type In: Inputs;
    type Out: Kind;
}

/// A call's answer as the call's type, for a caller that used a client.
pub fn typed<C: Call>(answer: Value) -> Result<C::Out, CallError> {
    C::Out::from_answer(answer)
}

/// A call that runs on the published snapshot, on the caller's thread.
pub trait ReadCall: Call {
    fn run(view: &View, input: Self::In) -> Result<Self::Out, CallError>;
}

/// A call that changes something: an act for the node, and what its answer means.
pub trait ActCall: Call {
    fn act(input: Self::In) -> Result<Act, CallError>;
    fn reply(done: Done) -> Result<Self::Out, CallError>;
}

/// A call on the services around the node in its process: API server, backups, logs.
pub trait ServiceCall: Call {
    fn run(services: &dyn Services, input: Self::In) -> Result<Self::Out, CallError>;
}

/// How an entry runs.
#[derive(Clone, Copy)]
pub enum Runner {
    Read(fn(&View, &[Value]) -> Result<Reply, CallError>),
    Act(fn(&[Value]) -> Result<Act, CallError>, fn(Done) -> Result<Value, CallError>),
    Service(fn(&dyn Services, &[Value]) -> Result<Value, CallError>),
}

/// A call as a line of the table.
#[derive(Clone, Copy)]
pub struct Entry {
    pub word: &'static str,
    pub method: &'static str,
    pub help: &'static str,
    pub example: &'static str,
    pub class: Class,
    pub runner: Runner,
    pub needs_node: bool,
    result: &'static str,
    params: fn() -> Vec<Param>,
    out: (Shape, &'static str),
    out_schema: fn() -> Value,
}

/// The line of a read call.
pub const fn read<C: ReadCall>() -> Entry {
    entry::<C>(Runner::Read(|view, values| {
        C::run(view, C::In::from_values(values)?).map(Kind::to_reply)
    }))
}

/// The line of a call that changes something.
pub const fn act<C: ActCall>() -> Entry {
    let prepare = |values: &[Value]| C::act(C::In::from_values(values)?);
    entry::<C>(Runner::Act(prepare, |done| C::reply(done).map(Kind::to_json)))
}

/// The line of a call on what runs around the node.
pub const fn service<C: ServiceCall>() -> Entry {
    entry::<C>(Runner::Service(|services, values| {
        C::run(services, C::In::from_values(values)?).map(Kind::to_json)
    }))
}

const fn entry<C: Call>(runner: Runner) -> Entry {
    Entry {
        word: C::WORD,
        method: C::METHOD,
        help: C::HELP,
        example: C::EXAMPLE,
        class: C::CLASS,
        runner,
        needs_node: C::NEEDS_NODE,
        result: C::RESULT,
        params: || C::In::params(C::PARAMS),
        out: (C::Out::SHAPE, C::Out::NAME),
        out_schema: C::Out::schema,
    }
}

impl Entry {
    pub fn params(&self) -> Vec<Param> {
        (self.params)()
    }

    pub fn out(&self) -> Shape {
        self.out.0
    }

    /// The schema of the result, made anew each time.
    pub fn out_schema(&self) -> Value {
        let mut schema = (self.out_schema)();
        if let Some(members) = schema.as_object_mut().filter(|_| !self.result.is_empty()) {
            members.insert("description".to_owned(), Value::from(self.result));
        }
        schema
    }

    /// `( height -- hash-addr u )`: parameters that must be given, then the result.
    pub fn effect(&self) -> String {
        let mut parts = vec!["(".to_owned()];
        for param in self.params().iter().filter(|param| !param.optional) {
            parts.push(stack_items(param.shape, param.name));
        }
        parts.push("--".to_owned());
        parts.push(stack_items(self.out.0, self.out.1));
        parts.push(")".to_owned());
        parts.retain(|part| !part.is_empty());
        parts.join(" ")
    }

    /// The parameters in order, whichever way they were given; absent optional ones are null.
    pub fn arrange(&self, params: Params) -> Result<Vec<Value>, CallError> {
        let known = self.params();
        match params {
            Params::ByPosition(mut values) => {
                if values.len() > known.len() {
                    let (got, most) = (values.len(), known.len());
                    return Err(CallError::invalid_params(format!(
                        "{} takes at most {most} parameters, got {got}",
                        self.method
                    )));
                }
                values.resize(known.len(), Value::Null);
                Ok(values)
            }
            Params::ByName(values) => self.arrange_named(&known, values),
        }
    }

    fn arrange_named(
        &self,
        known: &[Param],
        mut values: Map<String, Value>,
    ) -> Result<Vec<Value>, CallError> {
        let arranged =
            known.iter().map(|param| values.remove(param.name).unwrap_or(Value::Null)).collect();
        match values.keys().next() {
            None => Ok(arranged),
            Some(name) => {
                let names: Vec<&str> = known.iter().map(|param| param.name).collect();
                Err(CallError::invalid_params(format!(
                    "{} has no parameter {name:?}; it takes: {}",
                    self.method,
                    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
                )))
            }
        }
    }

    /// Runs a read call on a view; an act is refused, it belongs to the node.
    pub fn run_read(&self, view: &View, params: Params) -> Result<Reply, CallError> {
        match self.runner {
            Runner::Read(run) => run(view, &self.arrange(params)?),
            Runner::Act(..) | Runner::Service(_) => Err(CallError::new(
                ErrorKind::Internal,
                format!("{} changes something and was asked of a snapshot", self.method),
            )),
        }
    }
}

fn stack_items(shape: Shape, name: &str) -> String {
    match shape {
        Shape::Nothing => String::new(),
        Shape::Cell | Shape::Flag => name.to_owned(),
        Shape::Text | Shape::Json => format!("{name}-addr u"),
    }
}
