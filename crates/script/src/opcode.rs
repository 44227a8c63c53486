//! The opcode table: byte, Core's name, stack effect, kind and function of every opcode.
//!
//! The engine dispatches through it, text assembly reads names from it, and help prints it. Its
//! rows are macro tokens, so that code which needs no functions (parser, counting, text) takes
//! constants and names from here, and `ops`, which has the functions, takes the last column.

/// When the engine calls an opcode's function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pushes bytes that stand in the script; does not count as an operation.
    Push,
    /// Runs where its branch is taken.
    Plain,
    /// Runs also where its branch is not taken: IF to ENDIF.
    Branch,
    /// Fails a script outside of tapscript wherever it stands.
    Disabled,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Opcode {
    pub byte: u8,
    /// As Core prints it; empty for the direct pushes, which Core prints as their data.
    pub name: &'static str,
    /// Stack before and after, empty where it never runs.
    pub effect: &'static str,
    pub kind: Kind,
    /// Makes any tapscript succeed that contains it (OP_SUCCESSx, BIP342).
    pub success: bool,
}

/// Gives the rows to the macro `$use`: byte, constant, name, stack effect, kind, function in `ops`.
#[rustfmt::skip]
macro_rules! with_opcodes {
    ($use:ident) => { $use! {
        0x00 OP_0 "0" "-- empty" Push flow::push_data;
        0x4c OP_PUSHDATA1 "OP_PUSHDATA1" "-- bytes" Push flow::push_data;
        0x4d OP_PUSHDATA2 "OP_PUSHDATA2" "-- bytes" Push flow::push_data;
        0x4e OP_PUSHDATA4 "OP_PUSHDATA4" "-- bytes" Push flow::push_data;
        0x4f OP_1NEGATE "-1" "-- -1" Plain flow::push_number;
        0x50 OP_RESERVED "OP_RESERVED" "" Plain flow::bad;
        0x51 OP_1 "1" "-- 1" Plain flow::push_number;
        0x52 OP_2 "2" "-- 2" Plain flow::push_number;
        0x53 OP_3 "3" "-- 3" Plain flow::push_number;
        0x54 OP_4 "4" "-- 4" Plain flow::push_number;
        0x55 OP_5 "5" "-- 5" Plain flow::push_number;
        0x56 OP_6 "6" "-- 6" Plain flow::push_number;
        0x57 OP_7 "7" "-- 7" Plain flow::push_number;
        0x58 OP_8 "8" "-- 8" Plain flow::push_number;
        0x59 OP_9 "9" "-- 9" Plain flow::push_number;
        0x5a OP_10 "10" "-- 10" Plain flow::push_number;
        0x5b OP_11 "11" "-- 11" Plain flow::push_number;
        0x5c OP_12 "12" "-- 12" Plain flow::push_number;
        0x5d OP_13 "13" "-- 13" Plain flow::push_number;
        0x5e OP_14 "14" "-- 14" Plain flow::push_number;
        0x5f OP_15 "15" "-- 15" Plain flow::push_number;
        0x60 OP_16 "16" "-- 16" Plain flow::push_number;
        0x61 OP_NOP "OP_NOP" "--" Plain flow::nop;
        0x62 OP_VER "OP_VER" "" Plain flow::bad;
        0x63 OP_IF "OP_IF" "f --" Branch flow::if_;
        0x64 OP_NOTIF "OP_NOTIF" "f --" Branch flow::if_;
        0x65 OP_VERIF "OP_VERIF" "" Branch flow::bad;
        0x66 OP_VERNOTIF "OP_VERNOTIF" "" Branch flow::bad;
        0x67 OP_ELSE "OP_ELSE" "--" Branch flow::else_;
        0x68 OP_ENDIF "OP_ENDIF" "--" Branch flow::endif;
        0x69 OP_VERIFY "OP_VERIFY" "f --" Plain flow::verify;
        0x6a OP_RETURN "OP_RETURN" "--" Plain flow::return_;
        0x6b OP_TOALTSTACK "OP_TOALTSTACK" "x -- ; alt: -- x" Plain stack::to_alt;
        0x6c OP_FROMALTSTACK "OP_FROMALTSTACK" "-- x ; alt: x --" Plain stack::from_alt;
        0x6d OP_2DROP "OP_2DROP" "x1 x2 --" Plain stack::two_drop;
        0x6e OP_2DUP "OP_2DUP" "x1 x2 -- x1 x2 x1 x2" Plain stack::two_dup;
        0x6f OP_3DUP "OP_3DUP" "x1 x2 x3 -- x1 x2 x3 x1 x2 x3" Plain stack::three_dup;
        0x70 OP_2OVER "OP_2OVER" "x1 x2 x3 x4 -- x1 x2 x3 x4 x1 x2" Plain stack::two_over;
        0x71 OP_2ROT "OP_2ROT" "x1 x2 x3 x4 x5 x6 -- x3 x4 x5 x6 x1 x2" Plain stack::two_rot;
        0x72 OP_2SWAP "OP_2SWAP" "x1 x2 x3 x4 -- x3 x4 x1 x2" Plain stack::two_swap;
        0x73 OP_IFDUP "OP_IFDUP" "x -- 0 | x x" Plain stack::if_dup;
        0x74 OP_DEPTH "OP_DEPTH" "-- n" Plain stack::depth;
        0x75 OP_DROP "OP_DROP" "x --" Plain stack::drop;
        0x76 OP_DUP "OP_DUP" "x -- x x" Plain stack::dup;
        0x77 OP_NIP "OP_NIP" "x1 x2 -- x2" Plain stack::nip;
        0x78 OP_OVER "OP_OVER" "x1 x2 -- x1 x2 x1" Plain stack::over;
        0x79 OP_PICK "OP_PICK" "xn … x0 n -- xn … x0 xn" Plain stack::pick;
        0x7a OP_ROLL "OP_ROLL" "xn … x0 n -- … x0 xn" Plain stack::roll;
        0x7b OP_ROT "OP_ROT" "x1 x2 x3 -- x2 x3 x1" Plain stack::rot;
        0x7c OP_SWAP "OP_SWAP" "x1 x2 -- x2 x1" Plain stack::swap;
        0x7d OP_TUCK "OP_TUCK" "x1 x2 -- x2 x1 x2" Plain stack::tuck;
        0x7e OP_CAT "OP_CAT" "" Disabled flow::disabled;
        0x7f OP_SUBSTR "OP_SUBSTR" "" Disabled flow::disabled;
        0x80 OP_LEFT "OP_LEFT" "" Disabled flow::disabled;
        0x81 OP_RIGHT "OP_RIGHT" "" Disabled flow::disabled;
        0x82 OP_SIZE "OP_SIZE" "x -- x n" Plain stack::size;
        0x83 OP_INVERT "OP_INVERT" "" Disabled flow::disabled;
        0x84 OP_AND "OP_AND" "" Disabled flow::disabled;
        0x85 OP_OR "OP_OR" "" Disabled flow::disabled;
        0x86 OP_XOR "OP_XOR" "" Disabled flow::disabled;
        0x87 OP_EQUAL "OP_EQUAL" "x1 x2 -- f" Plain stack::equal;
        0x88 OP_EQUALVERIFY "OP_EQUALVERIFY" "x1 x2 --" Plain stack::equal_verify;
        0x89 OP_RESERVED1 "OP_RESERVED1" "" Plain flow::bad;
        0x8a OP_RESERVED2 "OP_RESERVED2" "" Plain flow::bad;
        0x8b OP_1ADD "OP_1ADD" "n -- n+1" Plain number::one_add;
        0x8c OP_1SUB "OP_1SUB" "n -- n-1" Plain number::one_sub;
        0x8d OP_2MUL "OP_2MUL" "" Disabled flow::disabled;
        0x8e OP_2DIV "OP_2DIV" "" Disabled flow::disabled;
        0x8f OP_NEGATE "OP_NEGATE" "n -- -n" Plain number::negate;
        0x90 OP_ABS "OP_ABS" "n -- |n|" Plain number::abs;
        0x91 OP_NOT "OP_NOT" "n -- f" Plain number::not;
        0x92 OP_0NOTEQUAL "OP_0NOTEQUAL" "n -- f" Plain number::zero_not_equal;
        0x93 OP_ADD "OP_ADD" "n1 n2 -- n1+n2" Plain number::add;
        0x94 OP_SUB "OP_SUB" "n1 n2 -- n1-n2" Plain number::sub;
        0x95 OP_MUL "OP_MUL" "" Disabled flow::disabled;
        0x96 OP_DIV "OP_DIV" "" Disabled flow::disabled;
        0x97 OP_MOD "OP_MOD" "" Disabled flow::disabled;
        0x98 OP_LSHIFT "OP_LSHIFT" "" Disabled flow::disabled;
        0x99 OP_RSHIFT "OP_RSHIFT" "" Disabled flow::disabled;
        0x9a OP_BOOLAND "OP_BOOLAND" "n1 n2 -- f" Plain number::bool_and;
        0x9b OP_BOOLOR "OP_BOOLOR" "n1 n2 -- f" Plain number::bool_or;
        0x9c OP_NUMEQUAL "OP_NUMEQUAL" "n1 n2 -- f" Plain number::num_equal;
        0x9d OP_NUMEQUALVERIFY "OP_NUMEQUALVERIFY" "n1 n2 --" Plain number::num_equal_verify;
        0x9e OP_NUMNOTEQUAL "OP_NUMNOTEQUAL" "n1 n2 -- f" Plain number::num_not_equal;
        0x9f OP_LESSTHAN "OP_LESSTHAN" "n1 n2 -- f" Plain number::less_than;
        0xa0 OP_GREATERTHAN "OP_GREATERTHAN" "n1 n2 -- f" Plain number::greater_than;
        0xa1 OP_LESSTHANOREQUAL "OP_LESSTHANOREQUAL" "n1 n2 -- f" Plain number::less_or_equal;
        0xa2 OP_GREATERTHANOREQUAL "OP_GREATERTHANOREQUAL" "n1 n2 -- f" Plain number::greater_or_equal;
        0xa3 OP_MIN "OP_MIN" "n1 n2 -- n" Plain number::min;
        0xa4 OP_MAX "OP_MAX" "n1 n2 -- n" Plain number::max;
        0xa5 OP_WITHIN "OP_WITHIN" "n low high -- f" Plain number::within;
        0xa6 OP_RIPEMD160 "OP_RIPEMD160" "x -- hash" Plain hash::ripemd160;
        0xa7 OP_SHA1 "OP_SHA1" "x -- hash" Plain hash::sha1;
        0xa8 OP_SHA256 "OP_SHA256" "x -- hash" Plain hash::sha256;
        0xa9 OP_HASH160 "OP_HASH160" "x -- hash" Plain hash::hash160;
        0xaa OP_HASH256 "OP_HASH256" "x -- hash" Plain hash::hash256;
        0xab OP_CODESEPARATOR "OP_CODESEPARATOR" "--" Plain signature::code_separator;
        0xac OP_CHECKSIG "OP_CHECKSIG" "sig key -- f" Plain signature::check_sig;
        0xad OP_CHECKSIGVERIFY "OP_CHECKSIGVERIFY" "sig key --" Plain signature::check_sig_verify;
        0xae OP_CHECKMULTISIG "OP_CHECKMULTISIG" "dummy sigs m keys n -- f" Plain signature::check_multisig;
        0xaf OP_CHECKMULTISIGVERIFY "OP_CHECKMULTISIGVERIFY" "dummy sigs m keys n --" Plain signature::check_multisig_verify;
        0xb0 OP_NOP1 "OP_NOP1" "--" Plain flow::upgradable_nop;
        0xb1 OP_CHECKLOCKTIMEVERIFY "OP_CHECKLOCKTIMEVERIFY" "n -- n" Plain flow::check_lock_time;
        0xb2 OP_CHECKSEQUENCEVERIFY "OP_CHECKSEQUENCEVERIFY" "n -- n" Plain flow::check_sequence;
        0xb3 OP_NOP4 "OP_NOP4" "--" Plain flow::upgradable_nop;
        0xb4 OP_NOP5 "OP_NOP5" "--" Plain flow::upgradable_nop;
        0xb5 OP_NOP6 "OP_NOP6" "--" Plain flow::upgradable_nop;
        0xb6 OP_NOP7 "OP_NOP7" "--" Plain flow::upgradable_nop;
        0xb7 OP_NOP8 "OP_NOP8" "--" Plain flow::upgradable_nop;
        0xb8 OP_NOP9 "OP_NOP9" "--" Plain flow::upgradable_nop;
        0xb9 OP_NOP10 "OP_NOP10" "--" Plain flow::upgradable_nop;
        0xba OP_CHECKSIGADD "OP_CHECKSIGADD" "sig n key -- n+f" Plain signature::check_sig_add;
        0xff OP_INVALIDOPCODE "OP_INVALIDOPCODE" "" Plain flow::bad;
    } };
}
pub(super) use with_opcodes;

macro_rules! opcodes {
    ($($byte:literal $konst:ident $name:literal $effect:literal $kind:ident $run:path;)*) => {
        $(pub const $konst: u8 = $byte;)*

        const fn table() -> [Opcode; 256] {
            let mut table = [Opcode {
                byte: 0,
                name: "OP_UNKNOWN",
                effect: "",
                kind: Kind::Plain,
                success: false,
            }; 256];
            let mut byte = 0;
            while byte < 256 {
                table[byte].byte = byte as u8;
                table[byte].success = is_success(byte as u8);
                if is_direct_push(byte as u8) {
                    table[byte].name = "";
                    table[byte].effect = "-- bytes";
                    table[byte].kind = Kind::Push;
                }
                byte += 1;
            }
            $(
                table[$byte].name = $name;
                table[$byte].effect = $effect;
                table[$byte].kind = Kind::$kind;
            )*
            table
        }

        /// Every opcode that has a constant, by the constant's name: `OP_0`, `OP_1NEGATE`, ….
        pub const CONSTANTS: &[(&str, u8)] = &[$((stringify!($konst), $byte)),*];
    };
}
with_opcodes!(opcodes);

/// The table, indexed by the opcode's byte.
pub static TABLE: [Opcode; 256] = table();

/// Pushes as many bytes as the opcode's own number says.
pub(super) const fn is_direct_push(byte: u8) -> bool {
    byte >= 1 && byte < OP_PUSHDATA1
}

/// OP_SUCCESSx (BIP342).
const fn is_success(byte: u8) -> bool {
    matches!(byte, 0x50 | 0x62 | 0x7e..=0x81 | 0x83..=0x86 | 0x89 | 0x8a | 0x8d | 0x8e
        | 0x95..=0x99 | 0xbb..=0xfe)
}

/// The opcode that pushes the small number 0 to 16.
pub const fn small_number(value: u8) -> u8 {
    if value == 0 { OP_0 } else { OP_1 - 1 + value }
}

/// The number that OP_0, OP_1 to OP_16 push.
pub const fn small_value(opcode: u8) -> Option<u8> {
    match opcode {
        OP_0 => Some(0),
        OP_1..=OP_16 => Some(opcode - OP_1 + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_at_their_byte() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(usize::from(row.byte), at);
        }
        assert_eq!(TABLE[usize::from(OP_CHECKSIG)].name, "OP_CHECKSIG");
        assert_eq!(TABLE.iter().filter(|row| row.success).count(), 87);
        assert_eq!(TABLE.iter().filter(|row| row.kind == Kind::Disabled).count(), 15);
    }

    #[test]
    fn small_numbers() {
        for value in 0..=16 {
            assert_eq!(small_value(small_number(value)), Some(value));
        }
        assert_eq!(small_value(OP_1NEGATE), None);
    }
}
