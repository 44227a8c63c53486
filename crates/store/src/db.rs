//! Opening the data folder, and the only way to write to it.
//!
//! Opening reads only the `meta` table and writes nothing: a folder that is only read stays
//! unchanged, and a new one gets its first bytes with its first block.

use std::fs::OpenOptions;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, StorageBackend, WriteTransaction};

use super::backend::{Deferred, Shared};
use super::batch::WriteBatch;
use super::error::{Place, StoreError};
use super::migrate;
use super::rows::{BlockStatus, HeaderRow, Tip};
use super::script_rows::{Build, HistoryChange, ScriptId};
use super::snapshot::Snapshot;
use super::tables::{self, SCRIPT_COIN_KEY};
use primitives::block::Height;
use primitives::codec::{Decode, Encode};
use primitives::coin::Coin;
use primitives::network::NetworkParams;

/// What can be chosen when a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Bytes of pages that the engine keeps; taken as they are read.
    pub cache_bytes: usize,
    /// Keep a transaction index; decided when the chain is created.
    pub tx_index: bool,
    /// Keep no script index, and drop an existing one with the next commit. Otherwise a new
    /// chain keeps one, an older one gets one, and one that was dropped stays so until `reindex`.
    pub no_script_index: bool,
    /// Check every page of an existing file before it is used. A file that was damaged behind our
    /// back is then refused; without it most damage is found when it is read, but some stops the
    /// process inside the engine. Reads the whole file.
    pub check_integrity: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            cache_bytes: 32 << 20,
            tx_index: true,
            no_script_index: false,
            check_integrity: false,
        }
    }
}

/// The open data folder. Share it by `Arc`: any thread may take snapshots, one `Chain` writes.
pub struct Store {
    /// Made at the first look into a fresh file: a console that only asks for the height of a new
    /// chain starts without it.
    db: OnceLock<Database>,
    /// Held while the database is made.
    making: Mutex<()>,
    cache_bytes: usize,
    check_integrity: bool,
    file: Arc<Deferred>,
    place: Place,
    params: &'static NetworkParams,
    tx_index: bool,
    no_script_index: bool,
    indexes: Mutex<Indexes>,
    /// Blocks below this height are pruned.
    pruned: AtomicU32,
    /// Commits so far, and the snapshot of the last of them that anybody asked for: reads share it,
    /// its open tables with it.
    commits: AtomicU64,
    shared: ArcSwapOption<(u64, Arc<Snapshot>)>,
}

/// What is kept beside the chain, as it is after the next commit.
#[derive(Debug, Clone, Copy)]
struct Indexes {
    scripts: bool,
    build: Option<Build>,
    /// The file says something else, or has an older schema: the next commit puts it right.
    to_write: bool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.place.0).finish_non_exhaustive()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.store(None);
        self.file.seal();
    }
}

impl Store {
    /// Opens or creates `folder`/`chain.redb`; the folder is made if it is not there.
    pub fn open(
        folder: &Path,
        params: &'static NetworkParams,
        options: StoreOptions,
    ) -> Result<Store, StoreError> {
        Store::open_told(folder, params, options, &mut || ())
    }

    /// The same; `held` is called when the folder is locked, before anything that can take long.
    pub fn open_told(
        folder: &Path,
        params: &'static NetworkParams,
        options: StoreOptions,
        held: &mut dyn FnMut(),
    ) -> Result<Store, StoreError> {
        let path = folder.join(tables::FILE_NAME);
        let open =
            || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open().or_else(|error| {
            if error.kind() != std::io::ErrorKind::NotFound {
                return Err(error);
            }
            std::fs::create_dir_all(folder)?;
            open()
        });
        let place = Place(path.clone());
        let file = file.map_err(|e| place.io(e))?;
        let backend = FileBackend::new(file).map_err(|e| place.sort(e))?;
        Store::with_lock(Box::new(backend), path, params, options, held)
    }

    /// A store that ends with the process.
    pub fn memory(params: &'static NetworkParams) -> Result<Store, StoreError> {
        let backend = Box::new(redb::backends::InMemoryBackend::new());
        Store::with_backend(backend, PathBuf::from("memory"), params, StoreOptions::default())
    }

    /// Opens or creates a store on any backend; `path` is what errors call it.
    pub fn with_backend(
        backend: Box<dyn StorageBackend>,
        path: PathBuf,
        params: &'static NetworkParams,
        options: StoreOptions,
    ) -> Result<Store, StoreError> {
        Store::with_lock(backend, path, params, options, &mut || ())
    }

    fn with_lock(
        backend: Box<dyn StorageBackend>,
        path: PathBuf,
        params: &'static NetworkParams,
        options: StoreOptions,
        held: &mut dyn FnMut(),
    ) -> Result<Store, StoreError> {
        let place = Place(path);
        // The lock comes before the first look, so that nobody changes what is read.
        if let Ok(false) = backend.try_lock_range(Bound::Included(0), Bound::Unbounded) {
            return Err(StoreError::InUse { path: place.0 });
        }
        held();
        let file = Arc::new(Deferred::new(backend).map_err(|e| place.io(e))?);
        let fresh = file.is_empty().map_err(|e| place.io(e))?;
        let mut store = Store {
            db: OnceLock::new(),
            making: Mutex::new(()),
            cache_bytes: options.cache_bytes,
            check_integrity: options.check_integrity,
            file,
            place,
            params,
            tx_index: options.tx_index,
            no_script_index: options.no_script_index,
            indexes: Mutex::new(Indexes {
                scripts: !options.no_script_index,
                build: None,
                to_write: false,
            }),
            pruned: AtomicU32::new(0),
            commits: AtomicU64::new(0),
            shared: ArcSwapOption::empty(),
        };
        if !fresh {
            store.db = OnceLock::from(store.open_database()?);
            store.check()?;
        }
        Ok(store)
    }

    fn open_database(&self) -> Result<Database, StoreError> {
        redb::Builder::new()
            .set_cache_size(self.cache_bytes)
            .set_check_integrity_on_open(self.check_integrity)
            .create_with_backend(Shared(Arc::clone(&self.file)))
            .map_err(|e| self.place.sort(e))
    }

    /// The database, with the tables and the genesis block if the file was fresh.
    fn db(&self) -> Result<&Database, StoreError> {
        if let Some(db) = self.db.get() {
            return Ok(db);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = self.db.get() {
            return Ok(db);
        }
        let db = self.open_database()?;
        self.create(&db)?;
        Ok(self.db.get_or_init(|| db))
    }

    /// The end of the active chain.
    pub fn tip(&self) -> Result<Tip, StoreError> {
        if self.db.get().is_none() {
            return Ok(self.genesis_tip());
        }
        self.shared()?.tip()
    }

    fn genesis_tip(&self) -> Tip {
        let genesis = &self.params.genesis;
        let (hash, work) = (genesis.hash, genesis.bits.work());
        Tip { id: 0, height: Height::GENESIS, hash, work, tx_total: 1 }
    }

    pub fn params(&self) -> &'static NetworkParams {
        self.params
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.place.0
    }

    pub fn has_tx_index(&self) -> bool {
        self.tx_index
    }

    /// Bytes of the file; 0 for a store in memory.
    pub fn size_on_disk(&self) -> u64 {
        std::fs::metadata(&self.place.0).map_or(0, |file| file.len())
    }

    /// The database as it is now.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let txn = self.db()?.begin_read().map_err(|e| self.place.sort(e))?;
        Ok(Snapshot::new(txn, self.place.clone()))
    }

    /// The same, shared by all callers between two commits: for many short reads.
    pub fn shared(&self) -> Result<Arc<Snapshot>, StoreError> {
        // Read first: what is opened below may only be newer than it says.
        let commits = self.commits.load(Ordering::Acquire);
        if let Some((_, snapshot)) = self.shared.load().as_deref().filter(|(at, _)| *at == commits)
        {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(self.snapshot()?);
        self.shared.store(Some(Arc::new((commits, Arc::clone(&snapshot)))));
        Ok(snapshot)
    }

    /// Commits, and lets the shared snapshot go: it would keep pages from being used again.
    fn finish(&self, txn: WriteTransaction) -> Result<(), redb::Error> {
        let committed = txn.commit();
        self.commits.fetch_add(1, Ordering::AcqRel);
        self.shared.store(None);
        Ok(committed?)
    }

    /// Writes a batch: all of it is durable when this returns, or none of it.
    pub fn commit(&self, batch: &mut WriteBatch) -> Result<(), StoreError> {
        let db = self.db()?;
        self.file.release().map_err(|e| self.place.io(e))?;
        let mut txn = db.begin_write().map_err(|e| self.place.sort(e))?;
        // The allocator's state goes with every commit, so that a start after a crash need not
        // walk the file.
        txn.set_quick_repair(true);
        let mut indexes = self.indexes();
        if indexes.to_write {
            migrate::write_state(&txn, indexes.scripts, indexes.build)
                .map_err(|e| self.place.sort(e))?;
        }
        self.write(&txn, batch, indexes.scripts).map_err(|e| self.place.sort(e))?;
        self.finish(txn).map_err(|e| self.place.sort(e))?;
        indexes.to_write = false;
        indexes.build = batch.build.take().unwrap_or(indexes.build);
        *self.indexes.lock().unwrap_or_else(PoisonError::into_inner) = indexes;
        Ok(())
    }

    /// The height below which blocks and undo data are pruned, except genesis; 0 when none are.
    pub fn pruned_below(&self) -> Height {
        Height(self.pruned.load(Ordering::Acquire))
    }

    /// Throws blocks, undo data and hints below a height away, on all branches; genesis, headers,
    /// coins and indexes stay. One commit: a crash leaves all of them or none.
    pub fn prune(&self, below: Height) -> Result<(), StoreError> {
        let below = below.max(self.pruned_below());
        let db = self.db()?;
        self.file.release().map_err(|e| self.place.io(e))?;
        let snapshot = self.snapshot()?;
        let mut ids = Vec::new();
        for row in snapshot.headers()? {
            let (id, row) = row?;
            if id > 0 && row.height < below {
                ids.push(id);
            }
        }
        drop(snapshot);
        let write = || -> Result<(), redb::Error> {
            let mut txn = db.begin_write()?;
            txn.set_quick_repair(true);
            {
                let mut meta = txn.open_table(tables::META)?;
                meta.insert(tables::META_PRUNED, below.0.to_le_bytes().as_slice())?;
                let mut blocks = txn.open_table(tables::BLOCKS)?;
                let mut undo = txn.open_table(tables::UNDO)?;
                let mut hints = txn.open_table(tables::HINTS)?;
                for id in &ids {
                    blocks.remove(id)?;
                    undo.remove(id)?;
                    hints.remove(id)?;
                }
            }
            self.finish(txn)
        };
        write().map_err(|e| self.place.sort(e))?;
        self.pruned.store(below.0, Ordering::Release);
        Ok(())
    }

    /// Moves what the file holds to its beginning and cuts it off behind. Nobody may read
    /// meanwhile; what was kept is kept whenever it is cut off.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        self.db()?;
        self.file.release().map_err(|e| self.place.io(e))?;
        self.shared.store(None);
        let Some(db) = self.db.get_mut() else { return Ok(()) };
        // Each round frees pages that the next one can use.
        while db.compact().map_err(|e| self.place.sort(e))? {}
        Ok(())
    }

    fn indexes(&self) -> Indexes {
        *self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the index of scripts is kept, finished or not.
    pub fn has_script_index(&self) -> bool {
        self.indexes().scripts
    }

    /// The file is of an older schema, or says something else of its indexes than is wanted: the
    /// next commit puts it right.
    pub fn is_behind(&self) -> bool {
        self.indexes().to_write
    }

    /// Memory that pages of the file may take, in bytes.
    pub fn cache_bytes(&self) -> usize {
        self.cache_bytes
    }

    /// The work on the indexes that is not finished.
    pub fn build(&self) -> Option<Build> {
        self.indexes().build
    }

    /// Throws the indexes away and notes that they are to be built again; with `coins` the active
    /// chain and its coins as well, which then ends at genesis.
    pub fn begin_reindex(&self, coins: bool) -> Result<(), StoreError> {
        let db = self.db()?;
        self.file.release().map_err(|e| self.place.io(e))?;
        let scripts = !self.no_script_index;
        let build = if coins { Build::Replay } else { Build::Blocks(Height(1)) };
        let reset = coins.then(|| self.genesis_tip());
        let begin = || -> Result<(), redb::Error> {
            let mut txn = db.begin_write()?;
            txn.set_quick_repair(true);
            migrate::clear(&txn, reset.as_ref())?;
            migrate::write_state(&txn, scripts, Some(build))?;
            self.finish(txn)
        };
        begin().map_err(|e| self.place.sort(e))?;
        *self.indexes.lock().unwrap_or_else(PoisonError::into_inner) =
            Indexes { scripts, build: Some(build), to_write: false };
        Ok(())
    }

    fn write(
        &self,
        txn: &WriteTransaction,
        batch: &mut WriteBatch,
        scripts: bool,
    ) -> Result<(), redb::Error> {
        if !batch.headers.is_empty() {
            let mut headers = txn.open_table(tables::HEADERS)?;
            let mut ids = Vec::with_capacity(batch.headers.len());
            for (id, row) in &batch.headers {
                headers.insert(id, &row.to_array())?;
                ids.push((row.hash.0, *id));
            }
            ids.sort_unstable();
            let mut header_ids = txn.open_table(tables::HEADER_IDS)?;
            for (hash, id) in &ids {
                header_ids.insert(hash, id)?;
            }
        }
        if !batch.blocks.is_empty() {
            let mut blocks = txn.open_table(tables::BLOCKS)?;
            for (id, bytes) in &batch.blocks {
                blocks.insert(id, bytes.as_slice())?;
            }
        }
        if !batch.undo.is_empty() {
            let mut undo = txn.open_table(tables::UNDO)?;
            for (id, bytes) in &batch.undo {
                undo.insert(id, bytes.as_slice())?;
            }
        }
        if !batch.hints.is_empty() {
            let mut hints = txn.open_table(tables::HINTS)?;
            for (id, bytes) in &batch.hints {
                hints.insert(id, bytes.as_slice())?;
            }
        }
        if !batch.chain.is_empty() {
            let mut chain = txn.open_table(tables::CHAIN)?;
            for (height, id) in &batch.chain {
                match id {
                    Some(id) => drop(chain.insert(height, id)?),
                    None => drop(chain.remove(height)?),
                }
            }
        }
        write_coins(txn, batch, scripts)?;
        if scripts && !batch.history.is_empty() {
            write_history(txn, batch)?;
        }
        if self.tx_index && !batch.txs.is_empty() {
            // Stable, so that the last entry for a txid is written last.
            batch.txs.sort_by_key(|(txid, _)| *txid);
            let mut txs = txn.open_table(tables::TXS)?;
            for (txid, place) in &batch.txs {
                match place {
                    Some(place) => drop(txs.insert(&txid.0, &place.to_array())?),
                    None => drop(txs.remove(&txid.0)?),
                }
            }
        }
        if let Some(tip) = &batch.tip {
            let mut meta = txn.open_table(tables::META)?;
            meta.insert(tables::META_TIP, tip.to_bytes().as_slice())?;
        }
        if let Some(build) = batch.build {
            migrate::write_build(txn, build)?;
        }
        Ok(())
    }

    /// Writes the tables and the genesis block; they stay in memory until the first commit.
    fn create(&self, db: &Database) -> Result<(), StoreError> {
        let genesis = self.params.genesis_block();
        let row = HeaderRow {
            header: genesis.header,
            hash: self.params.genesis.hash,
            height: Height::GENESIS,
            parent: 0,
            sequence: 1,
            tx_count: 1,
            status: BlockStatus::HAVE_DATA.with(BlockStatus::HAVE_UNDO).with(BlockStatus::VALID),
        };
        let mut batch = WriteBatch { tip: Some(self.genesis_tip()), ..WriteBatch::default() };
        batch.headers.insert(0, row);
        batch.blocks.insert(0, genesis.to_bytes());
        batch.undo.insert(0, vec![0]);
        batch.chain.insert(0, Some(0));
        let mut create = || -> Result<(), redb::Error> {
            let txn = db.begin_write()?;
            {
                let mut meta = txn.open_table(tables::META)?;
                let schema = tables::SCHEMA_VERSION.to_le_bytes();
                meta.insert(tables::META_SCHEMA, schema.as_slice())?;
                meta.insert(tables::META_NETWORK, self.params.name.as_bytes())?;
                meta.insert(tables::META_GENESIS, self.params.genesis.hash.0.as_slice())?;
                meta.insert(tables::META_TX_INDEX, [u8::from(self.tx_index)].as_slice())?;
                txn.open_table(tables::COINS)?;
                txn.open_table(tables::TXS)?;
            }
            let scripts = !self.no_script_index;
            migrate::write_state(&txn, scripts, None)?;
            self.write(&txn, &mut batch, scripts)?;
            self.finish(txn)
        };
        create().map_err(|e| self.place.sort(e))
    }

    /// Refuses a file of a newer schema or of another network.
    fn check(&mut self) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        migrate::admit(snapshot.schema()?, &self.place)?;
        let found = snapshot.meta(tables::META_NETWORK)?.unwrap_or_default();
        let genesis = snapshot.meta(tables::META_GENESIS)?.unwrap_or_default();
        if found != self.params.name.as_bytes() || genesis != self.params.genesis.hash.0 {
            return Err(StoreError::OtherNetwork {
                path: self.place.0.clone(),
                found: String::from_utf8_lossy(&found).into_owned(),
                wanted: self.params.name,
            });
        }
        self.pruned = AtomicU32::new(snapshot.pruned_below()?.0);
        let tx_index = snapshot.meta(tables::META_TX_INDEX)?;
        self.tx_index = tx_index.as_deref() == Some(&[1]);
        let found = snapshot.meta(tables::META_SCRIPT_INDEX)?;
        let build = snapshot.build()?;
        let indexes = migrate::wanted(found.as_deref(), build, self.no_script_index);
        let (scripts, build, to_write) = indexes;
        self.indexes = Mutex::new(Indexes { scripts, build, to_write });
        Ok(())
    }
}

/// Writes the coins, and with them their places in the index of scripts: what a removed coin paid
/// to is read from the row that goes.
fn write_coins(
    txn: &WriteTransaction,
    batch: &mut WriteBatch,
    scripts: bool,
) -> Result<(), redb::Error> {
    let mut changes: Vec<([u8; SCRIPT_COIN_KEY], bool)> = Vec::new();
    if scripts {
        let added = batch.script_coins.iter();
        changes.extend(added.map(|(id, key)| (tables::script_coin_key(&id.0, key), true)));
    }
    if !batch.coins.is_empty() {
        batch.coins.sort_unstable_by_key(|(outpoint, _)| *outpoint);
        let mut coins = txn.open_table(tables::COINS)?;
        let mut bytes = Vec::with_capacity(64);
        for (outpoint, coin) in &batch.coins {
            let key = tables::coin_key(outpoint);
            match coin {
                Some(coin) => {
                    bytes.clear();
                    coin.encode(&mut bytes);
                    drop(coins.insert(&key, bytes.as_slice())?);
                    if scripts {
                        let id = ScriptId::of(coin.output.script_pubkey.as_bytes());
                        changes.push((tables::script_coin_key(&id.0, &key), true));
                    }
                }
                None => {
                    let Some(row) = coins.remove(&key)?.filter(|_| scripts) else { continue };
                    let coin = Coin::from_bytes(row.value())
                        .map_err(|e| redb::Error::Corrupted(format!("coin {outpoint}: {e}")))?;
                    let id = ScriptId::of(coin.output.script_pubkey.as_bytes());
                    changes.push((tables::script_coin_key(&id.0, &key), false));
                }
            }
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    changes.sort_unstable();
    let mut table = txn.open_table(tables::SCRIPT_COINS)?;
    for (key, there) in &changes {
        match there {
            true => drop(table.insert(key, ())?),
            false => drop(table.remove(key)?),
        }
    }
    Ok(())
}

fn write_history(txn: &WriteTransaction, batch: &mut WriteBatch) -> Result<(), redb::Error> {
    // Stable, so that the last change of a key is written last.
    batch.history.sort_by_cached_key(HistoryChange::key);
    let mut history = txn.open_table(tables::SCRIPT_HISTORY)?;
    for change in &batch.history {
        match change {
            HistoryChange::Add(_, entry) => drop(history.insert(&change.key(), &entry.row())?),
            HistoryChange::Remove(..) => drop(history.remove(&change.key())?),
        }
    }
    Ok(())
}
