//! Bytes and base64 to PSBTs and back.

use data_encoding::BASE64;

use super::fields::{
    STRUCTURAL_GLOBALS, STRUCTURAL_INPUTS, STRUCTURAL_OUTPUTS, check_global, check_input,
    check_output, global, input, output,
};
use super::{Map, Psbt, PsbtError, bare_input, field};
use primitives::amount::Amount;
use primitives::codec::{Decode, Reader, put_compact_size, put_var_bytes};
use primitives::id::Txid;
use primitives::script::Script;
use primitives::tx::{OutPoint, Transaction, TxOut};

const MAGIC: &[u8; 5] = b"psbt\xff";

/// Longest PSBT that is read, in bytes.
pub const MAX_SIZE: usize = 16 << 20;
/// Most inputs, and most outputs.
const MAX_COUNT: usize = 100_000;

impl Psbt {
    /// Reads bytes, or base64 of them, as files hold either.
    pub fn read(bytes: &[u8]) -> Result<Psbt, PsbtError> {
        if bytes.starts_with(MAGIC) {
            return Psbt::from_bytes(bytes);
        }
        let text = bytes.trim_ascii();
        let bytes = BASE64
            .decode(text)
            .map_err(|_| PsbtError::NoPsbt("neither its bytes nor base64 of them"))?;
        Psbt::from_bytes(&bytes)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Psbt, PsbtError> {
        if bytes.len() > MAX_SIZE {
            return Err(PsbtError::NoPsbt("it is over 16 MiB"));
        }
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err(PsbtError::NoPsbt("its first bytes are not those of a PSBT"));
        };
        let mut reader = Reader::new(rest);
        let mut global_map = read_map(&mut reader, "the global map", check_global)?;
        let number = |map: &Map, kind: u8| {
            let bytes = map.get(&[kind][..])?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let version = number(&global_map, global::VERSION).unwrap_or(0);
        let psbt = match version {
            0 => {
                for kind in global::TX_VERSION..=global::MODIFIABLE {
                    if global_map.contains_key(&[kind][..]) {
                        return Err(field(
                            format!("global field {kind:#04x}"),
                            "it belongs to version 2",
                        ));
                    }
                }
                let bytes = global_map
                    .get(&[global::UNSIGNED_TX][..])
                    .ok_or(PsbtError::NoPsbt("it has no transaction"))?;
                let tx = unsigned(bytes)?;
                let (inputs, outputs) = read_maps(&mut reader, tx.inputs.len(), tx.outputs.len())?;
                for (at, map) in inputs.iter().enumerate() {
                    if (input::PREVIOUS_TXID..=input::HEIGHT_LOCK)
                        .any(|kind| map.contains_key(&[kind][..]))
                    {
                        return Err(field(format!("input {at}"), "it has fields of version 2"));
                    }
                }
                for (at, map) in outputs.iter().enumerate() {
                    if STRUCTURAL_OUTPUTS.iter().any(|kind| map.contains_key(&[*kind][..])) {
                        return Err(field(format!("output {at}"), "it has fields of version 2"));
                    }
                }
                Psbt { version, global: Map::new(), inputs, outputs, tx }
            }
            2 => {
                if global_map.contains_key(&[global::UNSIGNED_TX][..]) {
                    return Err(field("global field 0x00", "it belongs to version 0"));
                }
                let tx_version = number(&global_map, global::TX_VERSION)
                    .filter(|version| *version >= 2)
                    .ok_or_else(|| field("global field 0x02", "the version must be 2 or more"))?;
                let count = |kind: u8| {
                    let bytes = global_map.get(&[kind][..]);
                    let read = |bytes: &Vec<u8>| {
                        let mut reader = Reader::new(bytes);
                        let count = reader.compact_size(MAX_COUNT as u64).ok()?;
                        reader.finish().ok().map(|()| count)
                    };
                    bytes
                        .and_then(read)
                        .ok_or_else(|| field(format!("global field {kind:#04x}"), "no count"))
                };
                let (inputs, outputs) = read_maps(
                    &mut reader,
                    count(global::INPUT_COUNT)?,
                    count(global::OUTPUT_COUNT)?,
                )?;
                let fallback = number(&global_map, global::FALLBACK_LOCK_TIME).unwrap_or(0);
                let tx = assembled(tx_version, fallback, &inputs, &outputs)?;
                Psbt { version, global: Map::new(), inputs, outputs, tx }
            }
            _ => return Err(PsbtError::NoPsbt("its version is neither 0 nor 2")),
        };
        if reader.remaining() > 0 {
            return Err(PsbtError::Trailing);
        }
        global_map.retain(|key, _| !(key.len() == 1 && STRUCTURAL_GLOBALS.contains(&key[0])));
        let strip = |maps: Vec<Map>, kinds: &[u8]| -> Vec<Map> {
            let strip = |mut map: Map| {
                map.retain(|key, _| !(key.len() == 1 && kinds.contains(&key[0])));
                map
            };
            maps.into_iter().map(strip).collect()
        };
        let (inputs, outputs) = match version {
            0 => (psbt.inputs, psbt.outputs),
            _ => (strip(psbt.inputs, STRUCTURAL_INPUTS), strip(psbt.outputs, STRUCTURAL_OUTPUTS)),
        };
        let psbt = Psbt { global: global_map, inputs, outputs, ..psbt };
        // What an input spends must be what it says, in whichever form it says it.
        psbt.check_utxos()?;
        Ok(psbt)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let mut whole = self.global.clone();
        if self.version == 0 {
            let mut tx = Vec::new();
            self.tx.encode_base(&mut tx);
            whole.insert(vec![global::UNSIGNED_TX], tx);
        } else {
            let count = |count: usize| {
                let mut bytes = Vec::new();
                put_compact_size(&mut bytes, count);
                bytes
            };
            let number = |number: u32| number.to_le_bytes().to_vec();
            whole.insert(vec![global::VERSION], number(self.version));
            whole.insert(vec![global::TX_VERSION], number(self.tx.version));
            whole.insert(vec![global::INPUT_COUNT], count(self.inputs.len()));
            whole.insert(vec![global::OUTPUT_COUNT], count(self.outputs.len()));
        }
        put_map(&mut out, &whole);
        for (map, tx_input) in self.inputs.iter().zip(&self.tx.inputs) {
            let mut map = map.clone();
            if self.version != 0 {
                let prevout = tx_input.prevout;
                map.insert(vec![input::PREVIOUS_TXID], prevout.txid.0.to_vec());
                map.insert(vec![input::OUTPUT_INDEX], prevout.vout.to_le_bytes().to_vec());
                if tx_input.sequence != u32::MAX {
                    map.insert(vec![input::SEQUENCE], tx_input.sequence.to_le_bytes().to_vec());
                }
            }
            put_map(&mut out, &map);
        }
        for (map, tx_output) in self.outputs.iter().zip(&self.tx.outputs) {
            let mut map = map.clone();
            if self.version != 0 {
                map.insert(vec![output::AMOUNT], tx_output.value.0.to_le_bytes().to_vec());
                map.insert(vec![output::SCRIPT], tx_output.script_pubkey.0.clone());
            }
            put_map(&mut out, &map);
        }
        out
    }

    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.to_bytes())
    }
}

/// The transaction of version 0: nothing may be signed in it.
fn unsigned(bytes: &[u8]) -> Result<Transaction, PsbtError> {
    let wrong = |why| field("global field 0x00", why);
    // In the form without witness, where no inputs are no marker of another form.
    let mut reader = Reader::new(bytes);
    let tx = read_base(&mut reader).ok_or_else(|| wrong("it is no transaction without witness"))?;
    if tx.inputs.iter().any(|input| !input.script_sig.is_empty()) {
        return Err(wrong("the transaction is signed already"));
    }
    Ok(tx)
}

fn read_base(reader: &mut Reader<'_>) -> Option<Transaction> {
    let version = reader.u32().ok()?;
    let count = reader.compact_size(MAX_COUNT as u64).ok()?;
    let mut inputs = Vec::new();
    for _ in 0..count {
        let prevout = OutPoint::decode(reader).ok()?;
        let script_sig = Script::decode(reader).ok()?;
        let sequence = reader.u32().ok()?;
        inputs.push(primitives::tx::TxIn { prevout, script_sig, sequence, witness: Vec::new() });
    }
    let count = reader.compact_size(MAX_COUNT as u64).ok()?;
    let mut outputs = Vec::new();
    for _ in 0..count {
        outputs.push(TxOut::decode(reader).ok()?);
    }
    let lock_time = reader.u32().ok()?;
    reader.finish().ok()?;
    Some(Transaction { version, inputs, outputs, lock_time })
}

/// The transaction of version 2 from its parts; its lock time is what its inputs ask for (BIP370).
fn assembled(
    version: u32,
    fallback: u32,
    inputs: &[Map],
    outputs: &[Map],
) -> Result<Transaction, PsbtError> {
    let number = |map: &Map, kind: u8| {
        let bytes = map.get(&[kind][..])?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    };
    let mut tx = Transaction { version, inputs: Vec::new(), outputs: Vec::new(), lock_time: 0 };
    let (mut times, mut heights) = (Vec::new(), Vec::new());
    for (at, map) in inputs.iter().enumerate() {
        let missing = |why| field(format!("input {at}"), why);
        let txid = map
            .get(&[input::PREVIOUS_TXID][..])
            .and_then(|bytes| <[u8; 32]>::try_from(&bytes[..]).ok())
            .ok_or_else(|| missing("it names no transaction"))?;
        let vout = number(map, input::OUTPUT_INDEX).ok_or_else(|| missing("it names no output"))?;
        let sequence = number(map, input::SEQUENCE).unwrap_or(u32::MAX);
        tx.inputs.push(bare_input(OutPoint { txid: Txid(txid), vout }, sequence));
        times.push(number(map, input::TIME_LOCK));
        heights.push(number(map, input::HEIGHT_LOCK));
    }
    for (at, map) in outputs.iter().enumerate() {
        let missing = |why| field(format!("output {at}"), why);
        let value = map
            .get(&[output::AMOUNT][..])
            .and_then(|bytes| <[u8; 8]>::try_from(&bytes[..]).ok())
            .ok_or_else(|| missing("it has no amount"))?;
        let script = map.get(&[output::SCRIPT][..]).ok_or_else(|| missing("it has no script"))?;
        tx.outputs.push(TxOut {
            value: Amount(i64::from_le_bytes(value)),
            script_pubkey: Script(script.clone()),
        });
    }
    let asks = |at: &usize| times[*at].is_some() || heights[*at].is_some();
    let asking: Vec<usize> = (0..inputs.len()).filter(asks).collect();
    tx.lock_time = if asking.is_empty() {
        fallback
    } else if asking.iter().all(|at| heights[*at].is_some()) {
        heights.iter().flatten().copied().max().unwrap_or(fallback)
    } else if asking.iter().all(|at| times[*at].is_some()) {
        times.iter().flatten().copied().max().unwrap_or(fallback)
    } else {
        return Err(field("inputs", "one waits for a height and another for a time"));
    };
    Ok(tx)
}

type Check = fn(&[u8], &[u8]) -> Result<(), PsbtError>;

fn read_map(reader: &mut Reader<'_>, place: &str, check: Check) -> Result<Map, PsbtError> {
    let mut map = Map::new();
    loop {
        let key = reader.var_bytes().map_err(|_| PsbtError::CutShort)?;
        if key.is_empty() {
            return Ok(map);
        }
        let value = reader.var_bytes().map_err(|_| PsbtError::CutShort)?;
        check(key, value)?;
        if map.insert(key.to_vec(), value.to_vec()).is_some() {
            return Err(field(place, "a key stands twice"));
        }
    }
}

fn read_maps(
    reader: &mut Reader<'_>,
    inputs: usize,
    outputs: usize,
) -> Result<(Vec<Map>, Vec<Map>), PsbtError> {
    // Every map takes a byte at least, so counts are bounded by what is there.
    if inputs + outputs > reader.remaining() {
        return Err(PsbtError::CutShort);
    }
    let mut in_maps = Vec::new();
    for at in 0..inputs {
        let map = read_map(reader, &format!("input {at}"), |_, _| Ok(()))?;
        map.iter().try_for_each(|(key, value)| check_input(at, key, value))?;
        in_maps.push(map);
    }
    let mut out_maps = Vec::new();
    for at in 0..outputs {
        let map = read_map(reader, &format!("output {at}"), |_, _| Ok(()))?;
        map.iter().try_for_each(|(key, value)| check_output(at, key, value))?;
        out_maps.push(map);
    }
    Ok((in_maps, out_maps))
}

fn put_map(out: &mut Vec<u8>, map: &Map) {
    for (key, value) in map {
        put_var_bytes(out, key);
        put_var_bytes(out, value);
    }
    out.push(0);
}
