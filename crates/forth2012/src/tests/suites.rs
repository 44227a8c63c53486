//! Every word of Forth-2012 against `tests/forth/*.fs`, on a host whose files lie in memory.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use crate::error::Failure;
use crate::host::{FileMode, Host, HostFiles, Throw};
use crate::limits::Limits;
use crate::machine::Machine;

/// What a test sees of the world after its machine.
#[derive(Default)]
pub(crate) struct World {
    pub out: Vec<u8>,
    pub keys: VecDeque<u8>,
    pub files: BTreeMap<Vec<u8>, Vec<u8>>,
    open: BTreeMap<i64, (Vec<u8>, FileMode)>,
    last_id: i64,
}

/// A host with files in memory and a scripted keyboard.
pub(crate) struct MemoryHost {
    world: Rc<RefCell<World>>,
    files: MemoryFiles,
}

struct MemoryFiles(Rc<RefCell<World>>);

impl HostFiles for MemoryFiles {
    fn open(&mut self, name: &[u8], mode: FileMode) -> Result<i64, i64> {
        let world = &mut *self.0.borrow_mut();
        if mode.create {
            world.files.insert(name.to_vec(), Vec::new());
        } else if !world.files.contains_key(name) {
            return Err(-38);
        }
        world.last_id += 1;
        world.open.insert(world.last_id, (name.to_vec(), mode));
        Ok(world.last_id)
    }
    fn close(&mut self, id: i64) -> Result<(), i64> {
        self.0.borrow_mut().open.remove(&id).map(drop).ok_or(-62)
    }
    fn read_at(&mut self, id: i64, position: u64, buffer: &mut [u8]) -> Result<usize, i64> {
        let world = self.0.borrow();
        let (name, _) = world.open.get(&id).ok_or(-70)?;
        let text = world.files.get(name).ok_or(-70)?;
        let rest = text.get(position as usize..).unwrap_or(&[]);
        // Short reads must not matter.
        let count = rest.len().min(buffer.len()).min(7);
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn write_at(&mut self, id: i64, position: u64, bytes: &[u8]) -> Result<(), i64> {
        let world = &mut *self.0.borrow_mut();
        let (name, _) = world.open.get(&id).ok_or(-75)?;
        let text = world.files.get_mut(name).ok_or(-75)?;
        let end = position as usize + bytes.len();
        if text.len() < end {
            text.resize(end, 0);
        }
        text[position as usize..end].copy_from_slice(bytes);
        Ok(())
    }
    fn size(&mut self, id: i64) -> Result<u64, i64> {
        let world = self.0.borrow();
        let (name, _) = world.open.get(&id).ok_or(-66)?;
        world.files.get(name).map(|text| text.len() as u64).ok_or(-66)
    }
    fn resize(&mut self, id: i64, size: u64) -> Result<(), i64> {
        let world = &mut *self.0.borrow_mut();
        let (name, _) = world.open.get(&id).ok_or(-74)?;
        if size > 1 << 20 {
            return Err(-74);
        }
        world.files.get_mut(name).map(|text| text.resize(size as usize, 0)).ok_or(-74)
    }
    fn flush(&mut self, id: i64) -> Result<(), i64> {
        self.0.borrow().open.get(&id).map(drop).ok_or(-68)
    }
    fn delete(&mut self, name: &[u8]) -> Result<(), i64> {
        self.0.borrow_mut().files.remove(name).map(drop).ok_or(-64)
    }
    fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), i64> {
        let world = &mut *self.0.borrow_mut();
        let text = world.files.remove(from).ok_or(-72)?;
        world.files.insert(to.to_vec(), text);
        Ok(())
    }
    fn status(&mut self, name: &[u8]) -> Result<i64, i64> {
        self.0.borrow().files.get(name).map(|text| text.len() as i64).ok_or(-67)
    }
}

impl Host for MemoryHost {
    fn type_out(&mut self, text: &[u8]) -> Result<(), Throw> {
        self.world.borrow_mut().out.extend_from_slice(text);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), Throw> {
        Ok(())
    }
    fn key(&mut self) -> Result<Option<u8>, Throw> {
        Ok(self.world.borrow_mut().keys.pop_front())
    }
    fn key_ready(&mut self) -> bool {
        !self.world.borrow().keys.is_empty()
    }
    fn accept(&mut self, max: usize) -> Result<Option<Vec<u8>>, Throw> {
        Ok(Some(b"typed line"[..max.min(10)].to_vec()))
    }
    fn time_and_date(&mut self) -> [i64; 6] {
        [1, 2, 3, 4, 5, 2026]
    }
    fn utime_us(&mut self) -> i64 {
        1
    }
    fn ms(&mut self, _: u64, _: &AtomicBool) {}
    fn open_include(&mut self, name: &[u8], _: Option<&str>) -> Result<(String, Vec<u8>), Throw> {
        let world = self.world.borrow();
        let text = world.files.get(name).ok_or(Throw::code(-38))?;
        Ok((String::from_utf8_lossy(name).into_owned(), text.clone()))
    }
    fn file(&mut self) -> Option<&mut dyn HostFiles> {
        Some(&mut self.files)
    }
}

/// A machine with files in memory.
pub(crate) fn machine() -> (Machine, Rc<RefCell<World>>) {
    machine_with(Limits::default())
}

/// A machine with files in memory and other limits.
pub(crate) fn machine_with(limits: Limits) -> (Machine, Rc<RefCell<World>>) {
    let world = Rc::new(RefCell::new(World::default()));
    let files = MemoryFiles(Rc::clone(&world));
    let host = MemoryHost { world: Rc::clone(&world), files };
    (Machine::new(limits, Box::new(host)), world)
}

/// A suite: its file, its text, and the standard's words that it must mention.
struct Suite {
    name: &'static str,
    text: &'static str,
    words: &'static str,
}

macro_rules! suite {
    ($name:literal, $words:literal) => {
        Suite {
            name: $name,
            text: include_str!(concat!("../../tests/forth/", $name)),
            words: $words,
        }
    };
}

/// The words of Forth-2012 by section; CODE, ;CODE, ASSEMBLER and EDITOR are absent.
static SUITES: &[Suite] = &[
    suite!(
        "core.fs",
        "! # #> #S ' ( * */ */MOD + +! +LOOP , - . .\" / /MOD 0< 0= 1+ 1- 2! 2* 2/ 2@ 2DROP 2DUP \
         2OVER 2SWAP : ; < <# = > >BODY >IN >NUMBER >R ?DUP @ ABORT ABORT\" ABS ACCEPT ALIGN \
         ALIGNED ALLOT AND BASE BEGIN BL C! C, C@ CELL+ CELLS CHAR CHAR+ CHARS CONSTANT COUNT CR \
         CREATE DECIMAL DEPTH DO DOES> DROP DUP ELSE EMIT ENVIRONMENT? EVALUATE EXECUTE EXIT FILL \
         FIND FM/MOD HERE HOLD I IF IMMEDIATE INVERT J KEY LEAVE LITERAL LOOP LSHIFT M* MAX MIN \
         MOD MOVE NEGATE OR OVER POSTPONE QUIT R> R@ RECURSE REPEAT ROT RSHIFT S\" S>D SIGN SM/REM \
         SOURCE SPACE SPACES STATE SWAP THEN TYPE U. U< UM* UM/MOD UNLOOP UNTIL VARIABLE WHILE \
         WORD XOR [ ['] [CHAR] ]"
    ),
    suite!(
        "core-ext.fs",
        ".( .R 0<> 0> 2>R 2R> 2R@ :NONAME <> ?DO ACTION-OF AGAIN BUFFER: C\" CASE COMPILE, DEFER \
         DEFER! DEFER@ ENDCASE ENDOF ERASE FALSE HEX HOLDS IS MARKER NIP OF PAD PARSE PARSE-NAME \
         PICK REFILL RESTORE-INPUT ROLL S\\\" SAVE-INPUT SOURCE-ID TO TRUE TUCK U.R U> UNUSED \
         VALUE WITHIN [COMPILE] \\"
    ),
    suite!(
        "block.fs",
        "BLK BLOCK BUFFER EVALUATE FLUSH LOAD SAVE-BUFFERS UPDATE EMPTY-BUFFERS LIST REFILL SCR \
         THRU \\"
    ),
    suite!(
        "double.fs",
        "2CONSTANT 2LITERAL 2VARIABLE D+ D- D. D.R D0< D0= D2* D2/ D< D= D>S DABS DMAX DMIN \
         DNEGATE M*/ M+ 2ROT 2VALUE DU<"
    ),
    suite!("exception.fs", "CATCH THROW ABORT ABORT\""),
    suite!(
        "facility.fs",
        "AT-XY KEY? PAGE +FIELD BEGIN-STRUCTURE CFIELD: EKEY EKEY>CHAR EKEY>FKEY EKEY? EMIT? \
         END-STRUCTURE FIELD: K-ALT-MASK K-CTRL-MASK K-DELETE K-DOWN K-END K-F1 K-F10 K-F11 K-F12 \
         K-F2 K-F3 K-F4 K-F5 K-F6 K-F7 K-F8 K-F9 K-HOME K-INSERT K-LEFT K-NEXT K-PRIOR K-RIGHT \
         K-SHIFT-MASK K-UP MS TIME&DATE"
    ),
    suite!(
        "file.fs",
        "( BIN CLOSE-FILE CREATE-FILE DELETE-FILE FILE-POSITION FILE-SIZE INCLUDE-FILE INCLUDED \
         OPEN-FILE R/O R/W READ-FILE READ-LINE REPOSITION-FILE RESIZE-FILE S\" SOURCE-ID W/O \
         WRITE-FILE WRITE-LINE FILE-STATUS FLUSH-FILE INCLUDE REFILL RENAME-FILE REQUIRE REQUIRED \
         S\\\""
    ),
    suite!(
        "float.fs",
        ">FLOAT D>F F! F* F+ F- F/ F0< F0= F< F>D F@ FALIGN FALIGNED FCONSTANT FDEPTH FDROP FDUP \
         FLITERAL FLOAT+ FLOATS FLOOR FMAX FMIN FNEGATE FOVER FROT FROUND FSWAP FVARIABLE \
         REPRESENT DF! DF@ DFALIGN DFALIGNED DFFIELD: DFLOAT+ DFLOATS F** F. F>S FABS FACOS \
         FACOSH FALOG FASIN FASINH FATAN FATAN2 FATANH FCOS FCOSH FE. FEXP FEXPM1 FFIELD: FLN \
         FLNP1 FLOG FS. FSIN FSINCOS FSINH FSQRT FTAN FTANH FTRUNC FVALUE F~ PRECISION S>F \
         SET-PRECISION SF! SF@ SFALIGN SFALIGNED SFFIELD: SFLOAT+ SFLOATS"
    ),
    suite!("locals.fs", "(LOCAL) LOCALS| {: TO"),
    suite!("memory.fs", "ALLOCATE FREE RESIZE"),
    suite!(
        "tools.fs",
        ".S ? DUMP SEE WORDS AHEAD BYE CS-PICK CS-ROLL FORGET NAME>COMPILE NAME>INTERPRET \
         NAME>STRING NR> N>R STATE SYNONYM TRAVERSE-WORDLIST [DEFINED] [ELSE] [IF] [THEN] \
         [UNDEFINED]"
    ),
    suite!(
        "search.fs",
        "DEFINITIONS FIND FORTH-WORDLIST GET-CURRENT GET-ORDER SEARCH-WORDLIST SET-CURRENT \
         SET-ORDER WORDLIST ALSO FORTH ONLY ORDER PREVIOUS"
    ),
    suite!(
        "string.fs",
        "-TRAILING /STRING BLANK CMOVE CMOVE> COMPARE SEARCH SLITERAL REPLACES SUBSTITUTE UNESCAPE"
    ),
    suite!(
        "xchar.fs",
        "X-SIZE XC!+ XC!+? XC, XC-SIZE XC@+ XCHAR+ XEMIT XKEY XKEY? +X/STRING -TRAILING-GARBAGE \
         CHAR EKEY>XCHAR PARSE X-WIDTH XC-WIDTH XCHAR- XHOLD X\\STRING- [CHAR]"
    ),
];

/// What went wrong in a suite, or nothing.
fn run_suite(suite: &Suite) -> String {
    let (mut machine, world) = machine();
    // Keys for KEY, EKEY and XKEY in the order in which the suites ask.
    world.borrow_mut().keys = suite_keys(suite.name).iter().copied().collect();
    let tester = include_str!("../../tests/forth/tester.fs");
    let mut trouble = String::new();
    for (text, name) in [(tester, "tester.fs"), (suite.text, suite.name), ("t-report", "report")] {
        if let Err(Failure::Error(report)) = machine.interpret(text.as_bytes(), name) {
            trouble = format!("{report}\n");
        }
    }
    if machine.stack() != [0] || !trouble.is_empty() {
        let shown = String::from_utf8_lossy(&world.borrow().out).into_owned();
        trouble = format!("---- {}\n{shown}{trouble}", suite.name);
    }
    trouble
}

fn suite_keys(name: &str) -> &'static [u8] {
    match name {
        "core.fs" => b"k",
        "facility.fs" => b"a\x1b[A\x1b[1;5D\x1b[15;2~\x1bx\x1bOP",
        "xchar.fs" => "aé€😀".as_bytes(),
        _ => b"",
    }
}

#[test]
fn every_suite_passes() {
    let trouble: String = SUITES.iter().map(run_suite).collect();
    assert!(trouble.is_empty(), "{trouble}");
}

#[test]
fn every_standard_word_is_there_and_tested() {
    let (machine, _) = machine();
    let known: HashSet<String> = machine.word_names().map(|name| name.to_lowercase()).collect();
    let mut missing = Vec::new();
    for suite in SUITES {
        let used: HashSet<String> =
            suite.text.split_ascii_whitespace().map(str::to_lowercase).collect();
        for word in suite.words.split_ascii_whitespace() {
            let word = word.to_lowercase();
            if !known.contains(&word) {
                missing.push(format!("{word} is not a word"));
            }
            if !used.contains(&word) {
                missing.push(format!("{word} is not tested in {}", suite.name));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
