//! What the stepper and fast code leave for each other: return addresses and the frames of CATCH.

/// Upper 16 bits of a return address on the return stack. Below is the index of the fast code to
/// return to or, with [`TO_TOKEN`], the index of the token.
pub const RETURN_TAG: i64 = 0x5e7e_0000_0000_0000;
/// Marks a return address that is a token.
pub const TO_TOKEN: i64 = 1 << 47;

/// True for a return address.
#[inline(always)]
pub const fn is_return(value: i64) -> bool {
    value >> 48 == RETURN_TAG >> 48
}

/// Token of a return address, given the tokens of fast code.
#[inline(always)]
pub fn return_token(value: i64, token_of: &[u32]) -> u32 {
    if value & TO_TOKEN == 0 {
        token_of.get(value as u32 as usize).copied().unwrap_or(T_HALT)
    } else {
        value as u32
    }
}
/// Token that returns to Rust.
pub const T_HALT: u32 = 0;
/// Token after a definition that CATCH ran.
pub const T_CATCH_DONE: u32 = 1;
/// Token of the text interpreter.
pub const T_INTERPRET: u32 = 2;

/// What CATCH puts back.
#[derive(Debug, Clone, Copy)]
pub struct CatchFrame {
    pub rs: usize,
    pub ds: usize,
    pub fs: usize,
    pub ls: usize,
    pub ns: usize,
    pub loop_index: i64,
    pub loop_limit: i64,
    pub inputs: usize,
    pub to_in: i64,
}
