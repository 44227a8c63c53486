//! A debugger for scripts: one spend, stepped through forward and back.
//!
//! The consensus engine runs the spend; what is shown is what it showed (`script/step`). A state is
//! named by the number of the step that comes next, so that going back is looking again.

use serde_json::{Map, Value, json};

use primitives::amount::Amount;
use primitives::codec::Decode;
use primitives::hex;
use primitives::script::Script;
use primitives::tx::{Transaction, TxOut, Witness};
use script::asm::disassemble;
use script::error::ScriptError;
use script::flags::ScriptFlags;
use script::opcode::{Kind, TABLE};
use script::step::{Sight, Spend};
use script::vm::{Phase, Step};

/// Steps that a trace shows, and bytes of stacks in it.
const MOST_STEPS: usize = 1000;
const MOST_BYTES: usize = 4 << 20;

/// Why there is no spend to walk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DebuggerError {
    #[error("no script is open: open-script, step-script or debug-input opens one")]
    Closed,
    #[error("{what} is not what it should be: {why}")]
    Malformed { what: &'static str, why: String },
}

fn malformed(what: &'static str, why: impl ToString) -> DebuggerError {
    DebuggerError::Malformed { what, why: why.to_string() }
}

/// At most one spend, and the step that the operator looks at.
#[derive(Debug)]
pub struct ScriptDebugger {
    spend: Option<Spend>,
    /// The step that comes next; as many as there are steps is the end.
    at: usize,
    /// What typed scripts are held to.
    flags: ScriptFlags,
}

impl Default for ScriptDebugger {
    fn default() -> ScriptDebugger {
        ScriptDebugger { spend: None, at: 0, flags: ScriptFlags::CONSENSUS }
    }
}

/// How a run ended.
struct Outcome {
    steps: usize,
    verdict: Result<(), ScriptError>,
    phases: Vec<Phase>,
    /// What the last script left, if its last instruction has run.
    left: Option<Vec<Vec<u8>>>,
}

/// Flags by their names, or by the name of a set.
pub fn flags_of(text: &str) -> Result<ScriptFlags, DebuggerError> {
    let flags = match text.trim() {
        "CONSENSUS" => ScriptFlags::CONSENSUS,
        "STANDARD" => ScriptFlags::STANDARD,
        names => names.parse().map_err(|e| malformed("the set of flags", e))?,
    };
    match flags.is_coherent() {
        true => Ok(flags),
        false => Err(malformed(
            "the set of flags",
            "WITNESS comes with P2SH, CLEANSTACK with both of them",
        )),
    }
}

impl ScriptDebugger {
    /// What typed scripts are held to from now on.
    pub fn set_flags(&mut self, text: &str) -> Result<(), DebuggerError> {
        self.flags = flags_of(text)?;
        Ok(())
    }

    /// Opens a typed pair of scripts.
    pub fn open_pair(&mut self, script_sig: Vec<u8>, script_pubkey: Vec<u8>) {
        let (witness, flags) = (Witness::new(), self.flags);
        self.open(Spend::of_pair(script_sig, script_pubkey, witness, Amount::ZERO, flags));
    }

    fn open(&mut self, spend: Spend) {
        (self.spend, self.at) = (Some(spend), 0);
    }

    /// Opens a spend given as JSON: what `getspend` answers, or `scriptSig`, `scriptPubKey`,
    /// `witness`, `amount` and `flags` of a typed one.
    pub fn open_json(&mut self, text: &[u8]) -> Result<(), DebuggerError> {
        let value: Value =
            serde_json::from_slice(text).map_err(|e| malformed("the spend's JSON", e))?;
        let flags = match value.get("flags") {
            None => self.flags,
            Some(flags) => flags_of(flags.as_str().unwrap_or_default())?,
        };
        let spend = match value.get("tx") {
            Some(_) => spend_of_tx(&value, flags)?,
            None => {
                let witness = value.get("witness").and_then(Value::as_array);
                let witness = witness.into_iter().flatten();
                Spend::of_pair(
                    bytes_of(value.get("scriptSig"), "scriptSig")?,
                    bytes_of(value.get("scriptPubKey"), "scriptPubKey")?,
                    witness
                        .map(|item| bytes_of(Some(item), "witness"))
                        .collect::<Result<_, _>>()?,
                    amount_of(value.get("amount"))?,
                    flags,
                )
            }
        };
        self.open(spend);
        Ok(())
    }

    /// Goes some steps forward, or back; stops at either end.
    pub fn go(&mut self, by: i64) -> Result<(), DebuggerError> {
        let steps = self.run(&mut |_, _, _| {})?.steps;
        let by = isize::try_from(by).unwrap_or(if by < 0 { isize::MIN } else { isize::MAX });
        self.at = self.at.saturating_add_signed(by).min(steps);
        Ok(())
    }

    /// Runs the spend and shows every step.
    fn run(&self, each: &mut dyn FnMut(usize, Phase, &Step<'_>)) -> Result<Outcome, DebuggerError> {
        let spend = self.spend.as_ref().ok_or(DebuggerError::Closed)?;
        let (mut steps, mut phases, mut left) = (0, Vec::new(), None);
        let verdict = spend.watch(&mut |sight| match sight {
            Sight::Phase(phase) => {
                phases.push(phase);
                left = None;
            }
            Sight::Step { number, phase, step } => {
                steps = number + 1;
                each(number, phase, step);
            }
            Sight::End { stack } => left = Some(stack.0.clone()),
        });
        Ok(Outcome { steps, verdict, phases, left })
    }

    /// The state before the next step, as JSON.
    pub fn state(&self) -> Result<Value, DebuggerError> {
        let mut now = None;
        let outcome = self.run(&mut |number, phase, step| {
            if number == self.at {
                now = Some(shown_step(number, phase, step, &mut { MOST_BYTES }));
            }
        })?;
        let mut shown = Map::new();
        shown.insert("at".to_owned(), json!(self.at));
        match now {
            Some(step) => {
                shown.insert("next".to_owned(), step);
            }
            None => outcome.tell_end(&mut shown),
        }
        outcome.tell(&mut shown, self.spend.as_ref().map_or(ScriptFlags::NONE, |s| s.flags));
        Ok(shown.into())
    }

    /// Every step of the run, as JSON.
    pub fn trace(&self) -> Result<Value, DebuggerError> {
        let mut trace = Vec::new();
        let mut bytes = MOST_BYTES;
        let outcome = self.run(&mut |number, phase, step| {
            if number < MOST_STEPS && bytes > 0 {
                trace.push(shown_step(number, phase, step, &mut bytes));
            }
        })?;
        let mut shown = Map::new();
        shown.insert("trace".to_owned(), Value::Array(trace));
        outcome.tell_end(&mut shown);
        outcome.tell(&mut shown, self.spend.as_ref().map_or(ScriptFlags::NONE, |s| s.flags));
        Ok(shown.into())
    }
}

impl Outcome {
    fn tell_end(&self, shown: &mut Map<String, Value>) {
        let left = self.left.iter().flatten().map(|element| json!(hex::encode(element)));
        shown.insert("stack".to_owned(), left.collect());
    }

    /// Number of steps, the stages of the spend, and which rule failed where.
    fn tell(&self, shown: &mut Map<String, Value>, flags: ScriptFlags) {
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("steps", json!(self.steps));
        put("stages", self.phases.iter().map(|phase| json!(phase.name())).collect());
        put("flags", json!(flags.to_string()));
        put("valid", json!(self.verdict.is_ok()));
        if let Err(error) = self.verdict {
            put("error", json!(error.name()));
            put("reason", json!(error.text()));
            let stage = self.phases.last().map_or("before any script", |phase| phase.name());
            put("stage", json!(stage));
            // Without what it left, the last script ended in the middle of its last step.
            let inside = self.left.is_none() && self.phases.last() != Some(&Phase::TaprootKey);
            if let Some(step) = self.steps.checked_sub(1).filter(|_| inside) {
                put("failed_at", json!(step));
            }
        }
    }
}

/// One step; stacks are left out once `bytes` are used up.
fn shown_step(number: usize, phase: Phase, step: &Step<'_>, bytes: &mut usize) -> Value {
    let size = |elements: &[Vec<u8>]| elements.iter().map(|e| 2 * e.len() + 4).sum::<usize>();
    let stacks = size(&step.stack.0) + size(&step.alt.0);
    let list = |elements: &[Vec<u8>]| -> Value {
        elements.iter().map(|element| json!(hex::encode(element))).collect()
    };
    let row = &TABLE[usize::from(step.instruction.opcode)];
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("step", json!(number));
    put("stage", json!(phase.name()));
    put("byte", json!(step.at));
    if row.kind == Kind::Push && !step.instruction.data.is_empty() {
        put("op", json!("push"));
        put("data", json!(hex::encode(step.instruction.data)));
    } else {
        put("op", json!(row.name));
    }
    put("runs", json!(step.active || row.kind == Kind::Branch));
    if stacks <= *bytes {
        *bytes -= stacks;
        put("stack", list(&step.stack.0));
        put("altstack", list(&step.alt.0));
    } else {
        *bytes = 0;
        put("depth", json!(step.stack.len()));
    }
    shown.into()
}

fn bytes_of(value: Option<&Value>, what: &'static str) -> Result<Vec<u8>, DebuggerError> {
    let text = value.map_or(Some(""), Value::as_str);
    let text = text.ok_or_else(|| malformed(what, "it must be hex text"))?;
    hex::decode(text).map_err(|e| malformed(what, e))
}

fn amount_of(value: Option<&Value>) -> Result<Amount, DebuggerError> {
    let Some(value) = value else { return Ok(Amount::ZERO) };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = if text.contains('.') { text } else { format!("{text}.0") };
    text.parse().map_err(|e| malformed("the amount", e))
}

fn spend_of_tx(value: &Value, flags: ScriptFlags) -> Result<Spend, DebuggerError> {
    let tx = bytes_of(value.get("tx"), "tx")?;
    let tx = Transaction::from_bytes(&tx).map_err(|e| malformed("tx", e))?;
    let input = value.get("vin").and_then(Value::as_u64).unwrap_or(0);
    let input = usize::try_from(input).unwrap_or(usize::MAX);
    let mut spent = Vec::new();
    for output in value.get("spent").and_then(Value::as_array).into_iter().flatten() {
        let script_pubkey = Script(bytes_of(output.get("scriptPubKey"), "scriptPubKey")?);
        spent.push(TxOut { value: amount_of(output.get("value"))?, script_pubkey });
    }
    if spent.len() != tx.inputs.len() || input >= tx.inputs.len() {
        let why = format!(
            "input {input} of a transaction with {} inputs and {} outputs that they spend",
            tx.inputs.len(),
            spent.len()
        );
        return Err(malformed("the spend", why));
    }
    Ok(Spend { tx, spent, input, flags })
}

/// An element of a stack in a few characters.
fn short(hex: &str) -> String {
    const WHOLE: usize = 20;
    match (hex.len(), hex.get(..8), hex.get(hex.len().saturating_sub(6)..)) {
        (0, ..) => "<>".to_owned(),
        (length, Some(head), Some(tail)) if length > WHOLE => {
            format!("{head}…{tail}({})", length / 2)
        }
        _ => hex.to_owned(),
    }
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn elements(value: &Value, name: &str) -> Option<String> {
    let list = value.get(name)?.as_array()?;
    let shown = list.iter().filter_map(Value::as_str).map(short);
    Some(shown.collect::<Vec<_>>().join(" "))
}

/// What a step does, in one line: number, byte, operation, and the stack that it finds.
fn step_line(step: &Value) -> String {
    const OP_WIDTH: usize = 30;
    let number = step.get("step").and_then(Value::as_u64).unwrap_or(0);
    let byte = step.get("byte").and_then(Value::as_u64).unwrap_or(0);
    let op = match text_of(step, "op") {
        "push" => format!("push {}", short(text_of(step, "data"))),
        op => op.to_owned(),
    };
    let skipped = step.get("runs") == Some(&Value::Bool(false));
    let op = if skipped { format!("({op})") } else { op };
    let stack = elements(step, "stack").unwrap_or_else(|| {
        format!("{} elements", step.get("depth").and_then(Value::as_u64).unwrap_or(0))
    });
    let alt = elements(step, "altstack").filter(|alt| !alt.is_empty());
    let alt = alt.map_or(String::new(), |alt| format!("  alt: {alt}"));
    format!("{number:5} {byte:5}  {op:<OP_WIDTH$}  {stack}{alt}").trim_end().to_owned()
}

fn verdict_line(value: &Value) -> String {
    if value.get("valid") == Some(&Value::Bool(true)) {
        return "valid".to_owned();
    }
    let place = match value.get("failed_at").and_then(Value::as_u64) {
        Some(step) => format!("at step {step}, in the {}", text_of(value, "stage")),
        None => format!("after the {}", text_of(value, "stage")),
    };
    format!("refused {place}: {}: {}", text_of(value, "error"), text_of(value, "reason"))
}

/// A state or a trace, formatted for people.
pub fn picture(value: &Value) -> String {
    let mut lines = Vec::new();
    let steps = value.get("steps").and_then(Value::as_u64).unwrap_or(0);
    let left = || format!("stack at the end: {}", elements(value, "stack").unwrap_or_default());
    if let Some(trace) = value.get("trace").and_then(Value::as_array) {
        let mut stage = "";
        for step in trace {
            if text_of(step, "stage") != stage {
                stage = text_of(step, "stage");
                lines.push(stage.to_owned());
            }
            lines.push(step_line(step));
        }
        if (trace.len() as u64) < steps {
            lines.push(format!("… {} more steps", steps - trace.len() as u64));
        }
        lines.push(left());
        lines.push(verdict_line(value));
    } else if let Some(step) = value.get("next") {
        let at = value.get("at").and_then(Value::as_u64).unwrap_or(0);
        lines.push(format!("step {at} of {steps}, {}", text_of(step, "stage")));
        lines.push(step_line(step));
        let stack = step.get("stack").and_then(Value::as_array);
        for (depth, element) in stack.into_iter().flatten().rev().enumerate() {
            let element = element.as_str().unwrap_or_default();
            lines.push(format!("{depth:5}  {}", if element.is_empty() { "<>" } else { element }));
        }
    } else {
        lines.push(format!("end after {steps} steps"));
        lines.push(left());
        lines.push(verdict_line(value));
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// A script's text (Core's), from hex.
pub fn disassembled(hex_text: &str) -> Result<String, DebuggerError> {
    let script = hex::decode(hex_text.trim()).map_err(|e| malformed("the script", e))?;
    Ok(disassemble(&script))
}

#[cfg(test)]
mod tests {
    use super::*;
    use script::asm::assemble;

    fn opened(script_sig: &str, script_pubkey: &str) -> ScriptDebugger {
        let mut debugger = ScriptDebugger::default();
        let assembled = |text: &str| assemble(text).expect(text);
        debugger.open_pair(assembled(script_sig), assembled(script_pubkey));
        debugger
    }

    #[test]
    fn forward_back_and_the_ends() {
        let mut debugger = opened("1 2", "ADD 3 EQUAL");
        debugger.go(2).expect("open");
        let state = debugger.state().expect("open");
        assert_eq!((&state["at"], &state["next"]["op"]), (&json!(2), &json!("OP_ADD")));
        assert_eq!(state["next"]["stack"], json!(["01", "02"]));
        debugger.go(-1).expect("open");
        assert_eq!(debugger.state().expect("open")["next"]["stack"], json!(["01"]));
        debugger.go(i64::MAX).expect("open");
        let end = debugger.state().expect("open");
        assert_eq!(
            (&end["at"], &end["valid"], &end["stack"]),
            (&json!(5), &json!(true), &json!(["01"]))
        );
        debugger.go(i64::MIN).expect("open");
        assert_eq!(debugger.state().expect("open")["at"], json!(0));
        assert_eq!(ScriptDebugger::default().state(), Err(DebuggerError::Closed));
    }

    #[test]
    fn says_which_rule_failed_and_where() {
        let failed = opened("1", "2 EQUALVERIFY 1").trace().expect("open");
        assert_eq!((&failed["error"], &failed["failed_at"]), (&json!("EQUALVERIFY"), &json!(2)));
        assert!(picture(&failed).ends_with(
            "refused at step 2, in the scriptPubKey: EQUALVERIFY: Script failed an OP_EQUALVERIFY operation\n"
        ), "{}", picture(&failed));
        let after = opened("1", "NOT").trace().expect("open");
        assert_eq!((&after["error"], after.get("failed_at")), (&json!("EVAL_FALSE"), None));
        assert!(picture(&after).contains("refused after the scriptPubKey: EVAL_FALSE"));
    }

    #[test]
    fn witness_pairs_and_flags_come_as_json() {
        let mut debugger = ScriptDebugger::default();
        let script = assemble("DUP ADD 4 EQUAL").expect("a script");
        let program = hex::encode(&crypto::hash::sha256(&script));
        let spend = json!({
            "scriptPubKey": format!("0020{program}"),
            "witness": ["02", hex::encode(&script)],
            "amount": 0.1,
        });
        debugger.open_json(spend.to_string().as_bytes()).expect("a spend");
        let trace = debugger.trace().expect("open");
        assert_eq!(trace["valid"], json!(true), "{trace}");
        assert_eq!(trace["stages"], json!(["scriptSig", "scriptPubKey", "witness script"]));
        for bad in ["{", "{\"flags\":\"WITNESS\"}", "{\"tx\":\"00\"}", "{\"scriptSig\":7}"] {
            assert!(debugger.open_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_long_run_is_shown_in_part() {
        let script = "1 ".repeat(900) + &"DROP ".repeat(190);
        let shown = opened("", &script).trace().expect("open");
        assert_eq!(shown["trace"].as_array().map(Vec::len), Some(MOST_STEPS));
        assert!(picture(&shown).contains("… 90 more steps"));
    }
}
