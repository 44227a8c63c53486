complete -c forthcoin -s e -l evaluate -d 'Run a line of Forth; in order with files, repeatable' -r
complete -c forthcoin -l datadir -d 'Where data is kept (default ~/.forthcoin)' -r -f -a "(__fish_complete_directories)"
complete -c forthcoin -l peer -d 'Keep a connection to a node, once the network starts; repeatable' -r
complete -c forthcoin -l listen -d 'Where peers may connect, once the network starts; none: nowhere' -r
complete -c forthcoin -l passphrase-fd -d 'Read passphrases from this descriptor, one a line, instead of asking; or from the file FORTHCOIN_PASSPHRASE_FILE' -r
complete -c forthcoin -l mine -d 'Mine from the start; coins go to this address' -r
complete -c forthcoin -l mine-threads -d 'Mining threads (one a core; 0: only miners by Stratum)' -r
complete -c forthcoin -l mine-tag -d 'Text that mined blocks carry, at most 75 bytes' -r
complete -c forthcoin -l stratum -d 'Serve miners by Stratum v1 (127.0.0.1:3333)' -r
complete -c forthcoin -l websocket -d 'Open the WebSocket and HTTP port (127.0.0.1:8765)' -r -f
complete -c forthcoin -l attach -d 'Hold a node elsewhere by its WebSocket port' -r -f
complete -c forthcoin -l token-file -d 'The file that holds USER:PASSWORD for --attach' -r -F
complete -c forthcoin -l rpcauth -d 'A user of the port, as Bitcoin Core\'s rpcauth' -r -f
complete -c forthcoin -l allow-host -d 'A name under which the port may be asked for' -r -f
complete -c forthcoin -l allow-origin -d 'A site whose pages may use the port' -r -f
complete -c forthcoin -l proxy -d 'A proxy whose X-Real-IP is believed' -r -f
complete -c forthcoin -l max-connections -d 'Connections on the port at once (10000)' -r -f
complete -c forthcoin -l rate-limit -d 'Requests a second from one address (1000 for others; 0: none)' -r -f
complete -c forthcoin -l ready-blocks -d 'How many blocks behind is still ready (3)' -r -f
complete -c forthcoin -l ready-age -d 'How old the tip may be to be ready (7200)' -r -f
complete -c forthcoin -l log-level -d 'What is logged, as info or info,http=debug (info)' -r -f
complete -c forthcoin -l log-format -d 'How logs are written (text)' -r -f
complete -c forthcoin -l log-file -d 'Where logs go (standard error); opened again on SIGHUP' -r -F
complete -c forthcoin -l metrics-postgres -d 'Write metrics as rows to PostgreSQL (feature postgres)' -r -f
complete -c forthcoin -l metrics-postgres-file -d 'The file that holds that URL, so that ps does not show it' -r -F
complete -c forthcoin -l metrics-interval -d 'How often rows are written (10)' -r -f
complete -c forthcoin -l readonly -d 'Follow the chain, refuse every change'
complete -c forthcoin -l filters -d 'Serve block filters to light wallets (BIP157)'
complete -c forthcoin -l json -d 'Show JSON instead of pictures'
complete -c forthcoin -l offline -d 'Open no chain and no socket'
complete -c forthcoin -l no-address-index -d 'Keep no index of addresses, and drop one that is there'
complete -c forthcoin -l one-by-one -d 'Check the signatures of a block one by one, not as lists'
complete -c forthcoin -l sandbox -d 'Turn file words and the node\'s words off, for text that is not trusted'
complete -c forthcoin -l keep-going -d 'Go on after an error on standard input'
complete -c forthcoin -s h -l help -d 'Print help'
complete -c forthcoin -s V -l version -d 'Print version'
