\ The node's words for people: each parses its argument from the line and shows the result.

\ Show the network that this console uses.
\ > network
: network ( -- )  network-name .text ;

\ Show the folder that holds the network's data.
\ > datadir
: datadir ( -- )  data-folder .text ;

\ Show the version of this program.
\ > version
: version ( -- )  version-text .text ;

\ Show the node's status: tip, headers, age of the tip, how this console reaches it.
\ > init-storage status
: status ( -- )  get-status .json ;

\ Show the chain: height, best block, difficulty, work, rules in force.
\ > init-storage chain-info
: chain-info ( -- )  get-chain-info .json ;

\ Show the difficulty of the tip, 1 being Bitcoin's easiest.
\ > init-storage difficulty
: difficulty ( -- )  get-difficulty .text ;

\ Show a block of the chain, named by its height or its hash; `block` does so on an empty stack.
\ > init-storage show-block 0
: show-block ( "height|hash" -- )  argument get-block .json ;

\ Show a block's header, named by its height or its hash.
\ > init-storage show-header 0
: show-header ( "height|hash" -- )  argument get-header .json ;

\ Show the tips of all known branches: active, valid-fork, valid-headers, headers-only, invalid.
\ > init-storage chain-tips
: chain-tips ( -- )  get-chain-tips .json ;

\ Show the soft forks of this network and whether they are active.
\ > init-storage deployments
: deployments ( -- )  get-deployments .json ;

\ Show a transaction of the chain, named by its id.
\ > init-storage tx 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b
: tx ( "txid" -- )  argument get-tx .json ;

\ Show a transaction of the pool or the chain as hex, named by its id.
\ > init-storage ' raw-tx catch .
: raw-tx ( "txid" -- )  argument get-raw-tx .text ;

\ Decode a transaction given as hex.
\ > init-storage show-raw-tx 01000000000000000000
: show-raw-tx ( "hex" -- )  argument decode-tx .json ;

\ Decode a script given as hex: its type as an output, and the addresses that wrap it.
\ > init-storage show-script 76a914000000000000000000000000000000000000000088ac
: show-script ( "hex" -- )  argument decode-script .json ;

\ Show an unspent output, named TXID:N.
\ > init-storage ' utxo catch .
: utxo ( "outpoint" -- )  argument get-utxo .json ;

\ Show how many unspent outputs there are, their sum, and the hash over them.
\ > init-storage utxo-set
: utxo-set ( -- )  get-utxo-set-info .json ;

\ Call any method of the node, with its parameters as JSON without spaces; `[]` for none.
\ > init-storage rpc getblock [0,2]
: rpc ( "method" "params" -- )  argument argument 2swap ask-node .json ;

\ Verify the newest blocks again: undo data, coins, and that they connect.
\ > init-storage verify-chain
: verify-chain ( -- )  check-chain .json ;

\ Import the blocks of a file (hex lines or blk.dat framing) or of a Bitcoin Core blocks folder.
\ > init-storage s" no-such-file" ' import-blocks-from catch . 2drop
: import-blocks ( "file" -- )  argument import-blocks-from ;

\ Like import-blocks, but stop at the first block that is damaged or refused.
\ > init-storage s" no-such-file" ' import-blocks-strictly-from catch . 2drop
: import-blocks-strictly ( "file" -- )  argument import-blocks-strictly-from ;

\ Write the best chain to a new file, one block in hex per line, starting with block 1.
\ > init-storage s" /no-such-folder/chain.file" ' export-blocks-to catch . 2drop
: export-blocks ( "file" -- )  argument export-blocks-to ;

\ Show an address' transactions on the chain, newest first.
\ > init-storage address-history 51
: address-history ( "address" -- )  argument get-address-history .json ;

\ Show an address' unspent outputs on the chain.
\ > init-storage address-utxos 51
: address-utxos ( "address" -- )  argument get-address-utxos .json ;

\ Show an address' balance on the chain.
\ > init-storage address-balance 51
: address-balance ( "address" -- )  argument get-address-balance .json ;

\ Rebuild the transaction and address indexes.
\ > init-storage reindex
: reindex ( -- )  s" indexes" reindex-what ;

\ Reconnect every block from genesis, which rebuilds the UTXO set and the indexes.
\ > init-storage reindex-coins
: reindex-coins ( -- )  s" coins" reindex-what ;

\ The next argument if it is an address of this network, else an empty string.
\ > ?address bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 .text
: ?address ( "address" -- c-addr u )
  >in @ parse-name 2dup address? if  rot drop  else  2drop >in ! 0 0  then ;

\ The next argument if it is a count, else zero.
\ > ?count 12 .
: ?count ( "count" -- n )
  >in @ parse-name dup 0= if  2drop drop 0 exit  then
  0. 2swap >number nip if  2drop >in ! 0  else  d>s nip  then ;

\ Set the address that mined coins go to.
\ > init-storage set-mining-address bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
: set-mining-address ( "address" -- )  argument set-mining-address-to ;

\ Mine one block to the configured address; Ctrl-C stops.
\ > init-storage set-mining-address bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 mine
: mine ( -- )  1 mine-n .json ;

\ Mine a number of blocks to the configured address; if an address follows, generate them at once.
\ > init-storage mine-blocks 3 bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
: mine-blocks ( "count" ["address"] -- )
  argument text>n ?address dup if  generate-to  else  2drop mine-n  then .json ;

\ Mine to the configured address until stop-mining, on the given number of threads or one per core.
\ > init-storage set-mining-address bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 start-mining 1
: start-mining ( ["threads"] -- )  ?count start-mining-on .json ;

\ Show this node's mining: state, threads, hashrates, blocks found, difficulty, payout address.
\ > init-storage mining-status
: mining-status ( -- )  get-mining-status .json ;

\ Format a hashrate in millions of hashes per second.
\ > 25310000 >rate .text
: >rate ( n -- c-addr u )  10000 / s>d <# s"  MH/s" holds # # [char] . hold #s #> ;

\ Show this node's hashrate.
\ > init-storage hashrate
: hashrate ( -- )  get-hashrate >rate .text ;

\ Show the hashrate of the whole network.
\ > init-storage network-hashrate
: network-hashrate ( -- )  get-network-hashrate >rate .text ;

\ Show the difficulty of the next block, the expected effort, and when it changes.
\ > init-storage show-difficulty
: show-difficulty ( -- )  get-difficulty-info .json ;

\ Show the difficulty of each retarget interval, newest first.
\ > init-storage difficulty-history
: difficulty-history ( -- )  get-difficulty-history .json ;

\ Show the unconfirmed transactions.
\ > init-storage mempool
: mempool ( -- )  get-pool .json ;

\ Show the memory pool: number of transactions, their size and fees, its limits.
\ > init-storage mempool-info
: mempool-info ( -- )  get-pool-info .json ;

\ Send a transaction given as hex, and show its id.
\ > init-storage ' send-raw catch .
: send-raw ( "hex" -- )  argument send-raw-tx .text ;

\ Show the peers of this node.
\ > init-storage peers
: peers ( -- )  get-peer-info .peers ;

\ Show bytes sent and received.
\ > init-storage net-stats
: net-stats ( -- )  net-totals .json ;

\ Show the progress of the sync.
\ > init-storage sync-status
: sync-status ( -- )  get-sync-status .sync ;

\ Show the ban list.
\ > init-storage bans
: bans ( -- )  list-bans .json ;

\ Ban an address or a network for a day.
\ > init-storage ban 192.0.2.1
: ban ( "address" -- )  argument ban-net ;

\ Remove the ban of an address or a network.
\ > init-storage ' unban catch .
: unban ( "address" -- )  argument unban-net ;

\ Broadcast a transaction given as hex, and show its id.
\ > init-storage ' broadcast-tx catch .
: broadcast-tx ( "hex" -- )  argument send-raw-tx .text ;

\ Keep a connection to a node.
\ > init-storage add-node 127.0.0.1:1
: add-node ( "host:port" -- )  argument add-node-at ;

\ Disconnect a peer, named by address or number.
\ > init-storage ' disconnect catch .
: disconnect ( "peer" -- )  argument disconnect-from ;

\ Listen for peers on an address.
\ > init-storage start-listening 127.0.0.1:0
: start-listening ( "address" -- )  argument start-listening-on ;

\ Connect to a peer and wait for its handshake.
\ > init-storage ' connect catch .
: connect ( "host" "port" -- )  argument argument text>n connect-to ;

\ Become a replica of a node: follow it and refuse every change.
\ > init-storage ' connect-readonly catch .
: connect-readonly ( "host" "port" -- )
  argument argument text>n connect-readonly-to ;

\ Wait until the chain is synced; THROW -266, which ends with exit code 4, after that many seconds.
\ > init-storage ' wait-synced catch .
: wait-synced ( seconds -- )
  10 * 0 ?do  synced? if unloop exit then  100 ms  loop  -266 throw ;
\ Start the WebSocket and HTTP server and show its address.
\ > init-storage ' start-ws-server catch drop
: start-ws-server ( -- )  open-ws-server .json ;

\ Show the WebSocket and HTTP server: address, connections, requests.
\ > init-storage ws-status
: ws-status ( -- )  get-ws-status .json ;

\ Set the log level: error, warn, info, debug, trace or off, also per module as info,http=debug.
\ > init-storage ' log-level catch .
: log-level ( "filter" -- )  argument set-log-level .text ;

\ Back up the chain to a new file while the node keeps running; the file is read back and verified.
\ > init-storage s" /no-such-folder/chain.file" ' back-up-to catch . 2drop
: backup ( "file" -- )  argument back-up-to ;

\ Verify a backup of a chain, or that an encrypted wallet opens.
\ > s" /no-such-folder/chain.file" ' verify-backup-at catch . 2drop
: verify-backup ( "file" -- )  argument verify-backup-at ;

\ Restore the chain from a backup into the data folder, which must be empty.
\ > s" /no-such-folder/chain.file" ' restore-from catch . 2drop
: restore ( "file" -- )  argument restore-from ;

\ Show the schema version of the data folder and the one that this program writes.
\ > init-storage schema
: schema ( -- )  get-schema .json ;

\ Show the memory use of the node's process by purpose, in bytes.
\ > init-storage memory
: memory ( -- )  get-memory .json ;

\ Show the newest lines of the audit log.
\ > audit-log
: audit-log ( -- )  20 audit-tail ;

\ Run simulated networks: --nodes=10 --blocks=1000 --seed=1 --seeds=100 --faults --day --most-seconds=60.
\ > simulate --nodes=2 --blocks=3
: simulate ( "options" -- )  10 parse simulate-with ;

\ Write every block's header and ids to a new file: JSON lines, or CSV if the name ends in .csv.
\ > init-storage s" /no-such-folder/chain.file" ' export-chain-to catch . 2drop
: export-blockchain ( "file" -- )  argument export-chain-to ;

\ Write the open wallet's addresses to a new file; without a wallet, those of the whole chain.
\ > init-storage s" /no-such-folder/chain.file" ' export-addresses-to catch . 2drop
: export-addresses ( "file" -- )  argument export-addresses-to ;

\ Permanently delete the blocks below a height; headers, coins and indexes stay.
\ > init-storage prune 0
: prune ( "height" -- )  argument text>n prune-below . ;
