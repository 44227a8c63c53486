\ The published regtest chain, as an operator looks at it.
init-storage
get-height . cr
get-best-hash type cr
0 get-block-hash type cr
block 206
chain-info
difficulty
tx d53a1a5a276bb7088fac9cf8dc47f4ef675c7fb782e14af0aa8f2e096f6f949f
verify-chain
get-utxo-set-info .json
network
bye
