//! Faults on their way up, and the report that a person reads.

use std::fmt;

/// A THROW on its way: the code, and a sentence where the code alone does not say enough.
///
/// Codes -1 to -255 are the standard's, -256 to -4095 the host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throw {
    /// The number that CATCH returns.
    pub code: i64,
    /// What happened, in one sentence, where known.
    pub message: Option<String>,
}

impl Throw {
    /// A standard throw whose code says all.
    #[must_use]
    pub const fn code(code: i64) -> Self {
        Self { code, message: None }
    }

    /// A throw with a sentence of its own.
    #[must_use]
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }
}

/// What ends the running of a word before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A THROW looking for its CATCH.
    Throw(Throw),
    /// QUIT: back to the keyboard, nothing catches it.
    Quit,
    /// BYE with an exit code.
    Bye(i32),
}

/// The result of a primitive.
pub type Res<T = ()> = Result<T, Fault>;

impl From<Throw> for Fault {
    fn from(throw: Throw) -> Self {
        Self::Throw(throw)
    }
}

/// A fault with a standard code.
#[must_use]
pub const fn throw(code: i64) -> Fault {
    Fault::Throw(Throw::code(code))
}

/// A fault with a sentence.
#[must_use]
pub fn throw_with(code: i64, message: impl Into<String>) -> Fault {
    Fault::Throw(Throw::new(code, message))
}

/// Why a source did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// BYE (code 0) or `(bye)`.
    Bye {
        /// Exit code of the process.
        code: i32,
    },
    /// An uncaught THROW.
    Error(Box<Report>),
}

/// A place in a source text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// File name, or a name in angle brackets.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The whole line.
    pub source_line: String,
    /// Characters to mark.
    pub width: usize,
}

/// One definition that was running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Name of the definition.
    pub word: String,
    /// Where in it.
    pub place: Place,
}

/// Everything that is known about an uncaught THROW.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// THROW code.
    pub code: i64,
    /// One sentence.
    pub message: String,
    /// Where the text interpreter was.
    pub place: Place,
    /// Running definitions, innermost first.
    pub trace: Vec<Frame>,
    /// What might help.
    pub suggestion: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        writeln!(
            f,
            "{}:{}:{}: {} (THROW {})",
            place.name, place.line, place.column, self.message, self.code
        )?;
        write!(f, "{}", Excerpt(place))?;
        for frame in &self.trace {
            let at = &frame.place;
            write!(f, "\n  in {} at {}:{}:{}", frame.word, at.name, at.line, at.column)?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n  {suggestion}")?;
        }
        Ok(())
    }
}

/// Characters of a source line that a report shows.
const EXCERPT_CHARS: usize = 100;

/// A source line with a caret line below, cut to a readable width around the mark.
struct Excerpt<'a>(&'a Place);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.0;
        let chars: Vec<char> =
            place.source_line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let at = place.column.saturating_sub(1).min(chars.len());
        let start = if chars.len() <= EXCERPT_CHARS { 0 } else { at.saturating_sub(40) };
        let end = chars.len().min(start + EXCERPT_CHARS);
        let text: String = chars[start..end].iter().collect();
        writeln!(f, "  {}", text.trim_end())?;
        let width = place.width.clamp(1, (end.max(at + 1) - at).max(1));
        write!(f, "  {}{}", " ".repeat(at - start), "^".repeat(width))
    }
}

/// The standard's sentence for a THROW code (Forth-2012 table 9.1).
#[must_use]
pub fn standard_message(code: i64) -> Option<&'static str> {
    Some(match code {
        -1 => "aborted",
        -2 => "aborted with a message",
        -3 => "stack overflow",
        -4 => "stack underflow",
        -5 => "return stack overflow",
        -6 => "return stack underflow",
        -7 => "DO loops nested too deeply",
        -8 => "dictionary overflow",
        -9 => "invalid memory address",
        -10 => "division by zero",
        -11 => "result out of range",
        -12 => "argument type mismatch",
        -13 => "undefined word",
        -14 => "this word can only be used inside a definition",
        -15 => "invalid FORGET",
        -16 => "a name is missing",
        -17 => "pictured numeric output overflow",
        -18 => "parsed string overflow",
        -19 => "definition name too long",
        -20 => "write to a read-only location",
        -21 => "unsupported operation",
        -22 => "control structures do not match",
        -23 => "address alignment exception",
        -24 => "invalid numeric argument",
        -25 => "return stack imbalance",
        -26 => "loop parameters are unavailable",
        -27 => "invalid recursion",
        -28 => "interrupted",
        -29 => "a definition is still being compiled",
        -30 => "obsolescent feature",
        -31 => ">BODY used on a word not made by CREATE",
        -32 => "not a word that can be changed (invalid name argument)",
        -33 => "block read exception",
        -34 => "block write exception",
        -35 => "invalid block number",
        -36 => "invalid file position",
        -37 => "file I/O exception",
        -38 => "file not found",
        -39 => "unexpected end of input",
        -40 => "invalid BASE for floating-point conversion",
        -41 => "loss of precision",
        -42 => "floating-point divide by zero",
        -43 => "floating-point result out of range",
        -44 => "floating-point stack overflow",
        -45 => "floating-point stack underflow",
        -46 => "floating-point invalid argument",
        -47 => "compilation wordlist deleted",
        -48 => "invalid POSTPONE",
        -49 => "search order overflow",
        -50 => "search order underflow",
        -51 => "compilation wordlist changed",
        -52 => "control-flow stack overflow",
        -53 => "exception stack overflow",
        -54 => "floating-point underflow",
        -55 => "floating-point unidentified fault",
        -56 => "QUIT",
        -57 => "exception in sending or receiving a character",
        -58 => "[IF], [ELSE] or [THEN] exception",
        -59 => "out of memory",
        -60 => "not an address from ALLOCATE",
        -61 => "cannot resize this memory",
        -62 => "cannot close the file",
        -63 => "cannot create the file",
        -64 => "cannot delete the file",
        -65 => "cannot get the file position",
        -66 => "cannot get the file size",
        -67 => "cannot get the file status",
        -68 => "cannot flush the file",
        -69 => "cannot open the file",
        -70 => "cannot read the file",
        -71 => "cannot read a line",
        -72 => "cannot rename the file",
        -73 => "cannot set the file position",
        -74 => "cannot set the file size",
        -75 => "cannot write the file",
        -76 => "cannot write a line",
        -77 => "malformed character",
        -78 => "SUBSTITUTE failed",
        -79 => "REPLACES failed",
        _ => return None,
    })
}
