//! Hashes of the top element.

use crate::error::ScriptError;
use crate::vm::Vm;
use crypto::hash;

macro_rules! hashes {
    ($($name:ident $function:path;)*) => {
        $(
            /// ( x -- hash )
            pub fn $name(vm: &mut Vm<'_>) -> Result<(), ScriptError> {
                let element = vm.stack.pop()?;
                vm.stack.push($function(&element).to_vec());
                Ok(())
            }
        )*
    };
}

hashes! {
    ripemd160 hash::ripemd160;
    sha1 hash::sha1;
    sha256 hash::sha256;
    hash160 hash::hash160;
    hash256 hash::sha256d;
}
