complete -c forthcoin -s e -l evaluate -d 'Run a line of Forth; runs in order with files' -r -f
complete -c forthcoin -l datadir -d 'The data folder; by default $XDG_DATA_HOME/forthcoin or ~/.forthcoin' -r -f -a "(__fish_complete_directories)"
complete -c forthcoin -l passphrase-fd -d 'Read passphrases from this file descriptor, one per line, instead of asking' -r -f
complete -c forthcoin -l passphrase-file -d 'Read passphrases from this file, one per line, instead of asking' -r -F
complete -c forthcoin -l attach -d 'Use a remote node through its API server' -r -f
complete -c forthcoin -l token-file -d 'The file with USER:PASSWORD for --attach' -r -F
complete -c forthcoin -l peer -d 'Keep a connection to this node once the network is started' -r -f
complete -c forthcoin -l listen -d 'Accept peers on this address once the network is started; none: do not listen. By default a node without a terminal listens on its network\'s port on every address' -r -f
complete -c forthcoin -l incrementalrelayfee -d 'Additional fee rate of a replacement, and increment of the minimum fee rate when the mempool is full; in coins per 1,000 virtual bytes, or base units with sat (default: 100sat)' -r -f
complete -c forthcoin -l minrelaytxfee -d 'Reject transactions below this fee rate (default: 100sat)' -r -f
complete -c forthcoin -l dustrelayfee -d 'Fee rate that defines dust: outputs that cost more to spend than they are worth (default: 3000sat)' -r -f
complete -c forthcoin -l maxmempool -d 'Keep the mempool below this many megabytes (default: 300)' -r -f
complete -c forthcoin -l mempoolexpiry -d 'Drop transactions that are unconfirmed for this many hours (default: 336)' -r -f
complete -c forthcoin -l datacarriersize -d 'Maximum total size of a transaction\'s OP_RETURN outputs (default: 100000)' -r -f
complete -c forthcoin -l datacarrier -d 'Relay transactions with OP_RETURN outputs (default: true)' -r
complete -c forthcoin -l permitbaremultisig -d 'Relay transactions with bare multisig outputs (default: true)' -r
complete -c forthcoin -l bytespersigop -d 'Minimum virtual bytes counted per signature operation (default: 20)' -r -f
complete -c forthcoin -l limitancestorcount -d 'Maximum number of a transaction\'s unconfirmed ancestors, including itself (default: 25)' -r -f
complete -c forthcoin -l limitdescendantcount -d 'Maximum number of a transaction\'s unconfirmed descendants, including itself (default: 25)' -r -f
complete -c forthcoin -l mine -d 'Mine from the start, paying this address' -r -f
complete -c forthcoin -l mine-threads -d 'Number of mining threads, by default one per core; 0: Stratum miners only' -r -f
complete -c forthcoin -l mine-tag -d 'Text to put into mined blocks, at most 75 bytes' -r -f
complete -c forthcoin -l stratum -d 'Start the Stratum v1 server, on 127.0.0.1:3333 or this address' -r -f
complete -c forthcoin -l websocket -d 'Start the API server (WebSocket and HTTP), on 127.0.0.1:8765 or this address' -r -f
complete -c forthcoin -l rpcauth -d 'A user of the API server, in the format of Bitcoin Core\'s rpcauth' -r -f
complete -c forthcoin -l allow-host -d 'A host name under which the API server may be addressed' -r -f
complete -c forthcoin -l allow-origin -d 'A site whose pages may use the API server, such as https://example.org' -r -f
complete -c forthcoin -l proxy -d 'A proxy whose X-Real-IP header is trusted' -r -f
complete -c forthcoin -l max-connections -d 'Maximum number of simultaneous connections to the API server (default: 10000)' -r -f
complete -c forthcoin -l rate-limit -d 'Maximum number of requests per second from one address; 0: no limit. By default 1000 from other machines' -r -f
complete -c forthcoin -l ready-blocks -d 'Number of blocks behind the best header up to which /ready reports ready (default: 3)' -r -f
complete -c forthcoin -l ready-age -d 'Maximum age of the tip for /ready to report ready (default: 7200)' -r -f
complete -c forthcoin -l log-level -d 'Log level, optionally also per target, such as info,http=debug (default: info)' -r -f
complete -c forthcoin -l log-format -d 'Log format (default: text)' -r -f -a "text\t''
json\t''"
complete -c forthcoin -l log-file -d 'Log to this file instead of standard error; reopened on SIGHUP' -r -F
complete -c forthcoin -l metrics-postgres -d 'Write metrics as rows to PostgreSQL (feature postgres)' -r -f
complete -c forthcoin -l metrics-postgres-file -d 'The file with that URL, so that ps does not show it' -r -F
complete -c forthcoin -l metrics-interval -d 'Seconds between two rows (default: 10)' -r -f
complete -c forthcoin -l json -d 'Show results as JSON instead of formatted text (default: false)'
complete -c forthcoin -l offline -d 'Open no chain and no socket (default: false)'
complete -c forthcoin -l sandbox -d 'For untrusted Forth: allow pure words only; files, node, wallet, keyboard and clock are refused (default: false)'
complete -c forthcoin -l keep-going -d 'Continue after an error on standard input (default: false)'
complete -c forthcoin -l readonly -d 'Follow the chain and refuse every change (default: false)'
complete -c forthcoin -l filters -d 'Serve compact block filters to light wallets (BIP157) (default: false)'
complete -c forthcoin -l no-address-index -d 'Do not keep an address index, and delete an existing one (default: false)'
complete -c forthcoin -l one-by-one -d 'Verify the signatures of a block one by one instead of in batches (default: false)'
complete -c forthcoin -l acceptnonstdtxn -d 'Also relay non-standard transactions; test networks only (default: false)'
complete -c forthcoin -s h -l help -d 'Print help'
complete -c forthcoin -s V -l version -d 'Print version'
