\ Every kind of wallet, opened without a chain.
load plain.wallet
wallet-info
address
use-account taproot address
load watch-only.wallet
multisig-info
load vault.wallet
wallet-info
multisig-key
bye
