complete -c forthcoin -s e -l evaluate -d 'Run a line of Forth; in order with files' -r -f
complete -c forthcoin -l datadir -d 'Where data is kept: $XDG_DATA_HOME/forthcoin or ~/.forthcoin unless given' -r -f -a "(__fish_complete_directories)"
complete -c forthcoin -l passphrase-fd -d 'Read passphrases from this descriptor, one a line, instead of asking' -r -f
complete -c forthcoin -l passphrase-file -d 'Read passphrases from this file, one a line, instead of asking' -r -F
complete -c forthcoin -l attach -d 'Use a node elsewhere through its API server' -r -f
complete -c forthcoin -l token-file -d 'The file that holds USER:PASSWORD for --attach' -r -F
complete -c forthcoin -l peer -d 'Keep a connection to this node once the network starts' -r -f
complete -c forthcoin -l listen -d 'Where peers may connect once the network starts; none: nowhere. Unless given, a node without a terminal listens on its network\'s port of every address' -r -f
complete -c forthcoin -l incrementalrelayfee -d 'Fee rate that a replacement pays on top, and by which the minimum rises when the pool is full; in coins per 1,000 virtual bytes, or base units with sat (default: 100sat)' -r -f
complete -c forthcoin -l minrelaytxfee -d 'Refuse transactions below this fee rate (default: 100sat)' -r -f
complete -c forthcoin -l dustrelayfee -d 'Fee rate at which an output that costs more to spend than it holds is dust (default: 3000sat)' -r -f
complete -c forthcoin -l maxmempool -d 'Keep the memory pool below this many megabytes (default: 300)' -r -f
complete -c forthcoin -l mempoolexpiry -d 'Drop transactions that stay unconfirmed for this long (default: 336)' -r -f
complete -c forthcoin -l datacarriersize -d 'Most bytes of a transaction\'s OP_RETURN outputs together (default: 100000)' -r -f
complete -c forthcoin -l datacarrier -d 'Relay transactions with OP_RETURN outputs (default: true)' -r
complete -c forthcoin -l permitbaremultisig -d 'Relay transactions with outputs of bare multisig (default: true)' -r
complete -c forthcoin -l bytespersigop -d 'Virtual bytes that a signature operation counts for at least (default: 20)' -r -f
complete -c forthcoin -l limitancestorcount -d 'Most unconfirmed transactions that one may build on, itself counted (default: 25)' -r -f
complete -c forthcoin -l limitdescendantcount -d 'Most unconfirmed transactions that may build on one, itself counted (default: 25)' -r -f
complete -c forthcoin -l mine -d 'Mine from the start; coins go to this address' -r -f
complete -c forthcoin -l mine-threads -d 'Mining threads, one a core unless given; 0: only miners by Stratum' -r -f
complete -c forthcoin -l mine-tag -d 'Text that mined blocks carry, at most 75 bytes' -r -f
complete -c forthcoin -l stratum -d 'Serve miners by Stratum v1, at 127.0.0.1:3333 or at this address' -r -f
complete -c forthcoin -l websocket -d 'Open the WebSocket and HTTP server, at 127.0.0.1:8765 or at this address' -r -f
complete -c forthcoin -l rpcauth -d 'A user of the server, as Bitcoin Core\'s rpcauth' -r -f
complete -c forthcoin -l allow-host -d 'A host name under which the server may be asked' -r -f
complete -c forthcoin -l allow-origin -d 'A site whose pages may use the server, as https://example.org' -r -f
complete -c forthcoin -l proxy -d 'A proxy whose X-Real-IP header is believed' -r -f
complete -c forthcoin -l max-connections -d 'Connections to the server at once (default: 10000)' -r -f
complete -c forthcoin -l rate-limit -d 'Requests a second from one address; 0: no limit. Unless given, 1000 from other machines' -r -f
complete -c forthcoin -l ready-blocks -d 'How many blocks behind the best header /ready still answers ready (default: 3)' -r -f
complete -c forthcoin -l ready-age -d 'How old the tip may be for /ready to answer ready (default: 7200)' -r -f
complete -c forthcoin -l log-level -d 'What is logged: a level, and levels of targets, as info,http=debug (default: info)' -r -f
complete -c forthcoin -l log-format -d 'How logs are written (default: text)' -r -f -a "text\t''
json\t''"
complete -c forthcoin -l log-file -d 'Log to this file instead of standard error; opened again on SIGHUP' -r -F
complete -c forthcoin -l metrics-postgres -d 'Write metrics as rows to PostgreSQL (feature postgres)' -r -f
complete -c forthcoin -l metrics-postgres-file -d 'The file that holds that URL, so that ps does not show it' -r -F
complete -c forthcoin -l metrics-interval -d 'How often rows are written (default: 10)' -r -f
complete -c forthcoin -l json -d 'Show JSON instead of pictures (default: false)'
complete -c forthcoin -l offline -d 'Open no chain and no socket (default: false)'
complete -c forthcoin -l sandbox -d 'Turn off words that open files or ask the node, for untrusted Forth (default: false)'
complete -c forthcoin -l keep-going -d 'Continue after an error on standard input (default: false)'
complete -c forthcoin -l readonly -d 'Follow the chain, refuse every change (default: false)'
complete -c forthcoin -l filters -d 'Serve compact block filters to light wallets (BIP157) (default: false)'
complete -c forthcoin -l no-address-index -d 'Keep no index of addresses, and drop one that is there (default: false)'
complete -c forthcoin -l one-by-one -d 'Verify the signatures of a block one by one, not in batches (default: false)'
complete -c forthcoin -l acceptnonstdtxn -d 'Relay non-standard transactions too; on test networks only (default: false)'
complete -c forthcoin -s h -l help -d 'Print help'
complete -c forthcoin -s V -l version -d 'Print version'
