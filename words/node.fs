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

\ Open the WebSocket and HTTP port and show where it is.
\ > init-storage ' start-ws-server catch 0= if stop-ws-server then
: start-ws-server ( -- )  open-ws-server .json ;

\ Show the WebSocket and HTTP port: address, connections, requests.
\ > init-storage ws-status
: ws-status ( -- )  get-ws-status .json ;

\ Set what the node logs: error, warn, info, debug, trace or off, also per floor as info,http=debug.
\ > init-storage ' log-level catch .
: log-level ( "filter" -- )  argument set-log-level .text ;
