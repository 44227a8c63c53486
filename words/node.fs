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

\ Show a transaction of the chain, named by its id.
\ > init-storage tx 4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b
: tx ( "txid" -- )  argument get-tx .json ;

\ Show an unspent output, named TXID:N.
\ > init-storage ' utxo catch .
: utxo ( "outpoint" -- )  argument get-utxo .json ;

\ Check the newest blocks again: undo data, coins, and that they connect.
\ > init-storage verify-chain
: verify-chain ( -- )  check-chain .json ;

\ Add the blocks of a file: one hex block a line, or Bitcoin's blk.dat framing.
\ > init-storage s" no-such-file" ' import-blocks-from catch . 2drop
: import-blocks ( "file" -- )  argument import-blocks-from ;

\ Write the best chain to a file, one hex block a line from block 1 on.
\ > init-storage export-blocks /tmp/forthcoin-example.hex
: export-blocks ( "file" -- )  argument export-blocks-to ;

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
