\ The node's words for people: each parses its argument from the line and shows a picture.

\ Show the network that this console works on.
\ > network
: network ( -- )  network-name .text ;

\ Show the folder that holds the network's data.
\ > datadir
: datadir ( -- )  data-folder .text ;

\ Show the version of this program.
\ > version
: version ( -- )  version-text .text ;

\ Show how the node is: tip, headers, age of the tip, how this console reaches it.
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

\ Show the ends of all known branches: active, valid-fork, valid-headers, headers-only, invalid.
\ > init-storage chain-tips
: chain-tips ( -- )  get-chain-tips .json ;

\ Show the soft forks of this network and whether they hold.
\ > init-storage deployments
: deployments ( -- )  get-deployments .json ;

\ Show a transaction of the chain, named by its id.
\ > init-storage tx 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b
: tx ( "txid" -- )  argument get-tx .json ;

\ Show a transaction of the pool or the chain as hex, named by its id.
\ > init-storage ' raw-tx catch .
: raw-tx ( "txid" -- )  argument get-raw-tx .text ;

\ Show what a transaction given as hex says.
\ > init-storage show-raw-tx 01000000000000000000
: show-raw-tx ( "hex" -- )  argument decode-tx .json ;

\ Show what a script given as hex is as an output, and what wraps it.
\ > init-storage show-script 76a914000000000000000000000000000000000000000088ac
: show-script ( "hex" -- )  argument decode-script .json ;

\ Show an unspent output, named TXID:N.
\ > init-storage ' utxo catch .
: utxo ( "outpoint" -- )  argument get-utxo .json ;

\ Show how many unspent outputs there are, their sum, and the hash over them.
\ > init-storage utxo-set
: utxo-set ( -- )  get-utxo-set-info .json ;

\ Ask the node any of its methods, with its parameters as JSON without blanks; `[]` for none.
\ > init-storage rpc getblock [0,2]
: rpc ( "method" "params" -- )  argument argument 2swap ask-node .json ;

\ Check the newest blocks again: undo data, coins, and that they connect.
\ > init-storage verify-chain
: verify-chain ( -- )  check-chain .json ;

\ Add the blocks of a file: one hex block a line, or Bitcoin's blk.dat framing.
\ > init-storage s" no-such-file" ' import-blocks-from catch . 2drop
: import-blocks ( "file" -- )  argument import-blocks-from ;

\ Write the best chain to a file, one hex block a line from block 1 on.
\ > init-storage export-blocks /tmp/forthcoin-example.hex
: export-blocks ( "file" -- )  argument export-blocks-to ;

\ Show an address' transactions on the chain, newest first.
\ > init-storage address-history 51
: address-history ( "address" -- )  argument get-address-history .json ;

\ Show an address' unspent outputs on the chain.
\ > init-storage address-utxos 51
: address-utxos ( "address" -- )  argument get-address-utxos .json ;

\ Show what an address holds on the chain.
\ > init-storage address-balance 51
: address-balance ( "address" -- )  argument get-address-balance .json ;

\ Build the indexes of transactions and addresses again.
\ > init-storage reindex
: reindex ( -- )  s" indexes" reindex-what ;

\ Connect every block again from genesis: coins and indexes are made anew.
\ > init-storage reindex-coins
: reindex-coins ( -- )  s" coins" reindex-what ;
\ Make blocks at once that pay an address: for regtest.
\ > init-storage mine-blocks 3 bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
: mine-blocks ( "count" "address" -- )  argument text>n argument generate-to .json ;

\ Show the unconfirmed transactions.
\ > init-storage mempool
: mempool ( -- )  get-pool .json ;

\ Show the pool: how many transactions, their size and fees, its limits.
\ > init-storage mempool-info
: mempool-info ( -- )  get-pool-info .json ;

\ Send a transaction given as hex, and show its id.
\ > init-storage ' send-raw catch .
: send-raw ( "hex" -- )  argument send-raw-tx .text ;

\ Show the peers of this node.
\ > init-storage peers
: peers ( -- )  get-peer-info .json ;

\ Show bytes sent and received.
\ > init-storage net-stats
: net-stats ( -- )  net-totals .json ;

\ Show how far the sync is.
\ > init-storage sync-status
: sync-status ( -- )  get-sync-status .json ;

\ Show who is banned.
\ > init-storage bans
: bans ( -- )  list-bans .json ;

\ Ban an address or a network for a day.
\ > init-storage ban 192.0.2.1
: ban ( "address" -- )  argument ban-net ;

\ Keep a connection to a node.
\ > init-storage add-node 127.0.0.1:1
: add-node ( "host:port" -- )  argument add-node-at ;

\ Drop a peer, named by address or number.
\ > init-storage ' disconnect catch .
: disconnect ( "peer" -- )  argument disconnect-from ;

\ Let peers connect, on an address.
\ > init-storage start-listening 127.0.0.1:0
: start-listening ( "address" -- )  argument start-listening-on ;

\ Connect to a peer and wait for its handshake.
\ > init-storage ' connect catch .
: connect ( "host" "port" -- )
  argument argument 0 0 2swap >number 2drop drop connect-to ;

\ Become a replica of a node: follow it, refuse every change.
\ > init-storage ' connect-readonly catch .
: connect-readonly ( "host" "port" -- )
  argument argument 0 0 2swap >number 2drop drop connect-readonly-to ;

\ Wait until the chain is synced; after that many seconds THROW -266, which ends with exit code 4.
\ > init-storage ' wait-synced catch .
: wait-synced ( seconds -- )
  10 * 0 ?do  synced? if unloop exit then  100 ms  loop  -266 throw ;
\ Open the WebSocket and HTTP port and show where it is.
\ > init-storage ' start-ws-server catch drop
: start-ws-server ( -- )  open-ws-server .json ;

\ Show the WebSocket and HTTP port: address, connections, requests.
\ > init-storage ws-status
: ws-status ( -- )  get-ws-status .json ;

\ Set what the node logs: error, warn, info, debug, trace or off, also per floor as info,http=debug.
\ > init-storage ' log-level catch .
: log-level ( "filter" -- )  argument set-log-level .text ;
