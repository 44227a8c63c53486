//! Any bytes: decoding and the checks of a block by itself never panic.
#![no_main]

use chain::import::BlockFile;
use consensus::block::CheckedBlock;
use primitives::network::REGTEST;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(checked) = CheckedBlock::new(data.to_vec(), &REGTEST) {
        assert_eq!(checked.block.total_size(), data.len());
    }
    let mut file = BlockFile::new(data, &REGTEST);
    while let Ok(Some(_)) = file.next_block() {}
});
