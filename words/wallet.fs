\ The wallet's words for people; each parses its arguments from the line and shows the result.

\ Create a wallet from a new 24-word phrase and show its fingerprint and first address, never a key.
\ > new
: new ( -- )  new-wallet .json ;

\ Restore a wallet from its recovery phrase; prompts for the phrase.
\ > ' restore-phrase catch drop
: restore-phrase ( -- )  restore-wallet .json ;

\ Save the wallet encrypted to a file; prompts twice for a passphrase.
\ > ' save-encrypted catch drop
: save-encrypted ( "file" -- )  argument save-encrypted-to ;

\ Open an encrypted wallet; prompts for its passphrase.
\ > ' load-encrypted catch drop
: load-encrypted ( "file" -- )  argument load-encrypted-from ;

\ Verify that an encrypted wallet opens under its passphrase; the open wallet is not changed.
\ > ' verify-wallet catch drop
: verify-wallet ( "file" -- )  argument verify-wallet-at .json ;

\ Show a new receiving address.
\ > new address
: address ( -- )  next-address .text ;

\ Have the node mine to a new address of the open wallet from now on.
\ > init-storage new mine-to-wallet mine
: mine-to-wallet ( -- )  next-address set-mining-address-to ;

\ Select the current account: segwit, taproot, or one that was added. New addresses, change and the coins
\ of payments are its own.
\ > new use-account taproot address
: use-account ( "name" -- )  argument use-account-named ;

\ Show the wallet's balances.
\ > init-storage new balance
: balance ( -- )  get-balances .json ;

\ Show every coin of the wallet.
\ > init-storage new utxos
: utxos ( -- )  get-utxos .json ;

\ Show every transaction of the wallet, newest first.
\ > init-storage new history
: history ( -- )  get-wallet-history .json ;

\ Describe the wallet: accounts, descriptors, file.
\ > new wallet-info
: wallet-info ( -- )  get-wallet-info .json ;

\ Show the wallet's output descriptors, for import into other wallets.
\ > new descriptors
: descriptors ( -- )  get-descriptors .json ;

\ Watch an output descriptor.
\ > watch wpkh(02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9)
: watch ( "descriptor" -- )  argument watch-descriptor .json ;

\ Set the fee rate in base units per virtual byte; 0 uses the node's estimate.
\ > fee-rate 12.5
: fee-rate ( "number" -- )  argument set-fee-rate-to ;

\ Show the inputs and the fee of a payment; nothing is signed.
\ > init-storage new ' plan-send catch drop
: plan-send ( "address" "amount" -- )  argument argument text>amount plan-send-to .json ;

\ Pay an address: amounts are 1.5 or 150000sat.
\ > init-storage new ' send catch drop
: send ( "address" "amount" -- )  argument argument text>amount send-to .text ;

\ Pay several addresses in one transaction, as JSON without spaces: {"ADDRESS":"AMOUNT","ADDRESS":"AMOUNT"}.
\ > init-storage new ' send-many catch drop
: send-many ( "json" -- )  rest-of-line send-to-many .text ;

\ Send everything that the account can spend to an address.
\ > init-storage new ' sweep catch drop
: sweep ( "address" -- )  argument sweep-to .text ;

\ Replace an unconfirmed payment with one that pays a higher fee (BIP125).
\ > init-storage new ' bump catch drop
: bump ( "txid" -- )  argument bump-fee-of .text ;

\ Give up a payment that waits: a draft frees its coins, a sent one is replaced by one to ourselves.
\ > init-storage new ' cancel catch drop
: cancel ( "txid" -- )  argument cancel-payment .text ;

\ Speed up an unconfirmed incoming transaction by spending it with a fee that pays for both (CPFP).
\ > init-storage new ' cpfp catch drop
: cpfp ( "txid" -- )  argument hurry-parent .text ;

\ Lock a coin TXID:N so that it is not spent.
\ > init-storage new ' lock-coin catch drop
: lock-coin ( "outpoint" -- )  argument lock-coin-at ;

\ Unlock a coin so that it can be spent.
\ > new ' unlock-coin catch drop
: unlock-coin ( "outpoint" -- )  argument unlock-coin-at ;

\ Write a payment as an unsigned PSBT file.
\ > init-storage new ' psbt-create catch drop
: psbt-create ( "file" "address" "amount" -- )
  argument argument argument text>amount >r 2swap r> rot rot psbt-create-to ;

\ Analyse a PSBT file: inputs, outputs, change verified as the wallet's own, fee, signatures.
\ > ' psbt-show catch drop
: psbt-show ( "file" -- )  argument psbt-look-at .json ;

\ Show the verdict on a PSBT file as JSON; THROW when it may not be signed.
\ > ' psbt-check catch drop
: psbt-check ( "file" -- )  argument psbt-check-at >r type cr  r> 0= -264 and throw ;

\ Sign a PSBT file, writing the result to another file.
\ > ' psbt-sign catch drop
: psbt-sign ( "from" "to" -- )  argument argument psbt-sign-to drop ;

\ Combine the signatures of PSBT files: the new file first, then those to read.
\ > ' psbt-combine catch drop
: psbt-combine ( "to" "files" -- )  argument rest-of-line 2swap psbt-combine-to ;

\ Finalize a PSBT file that has enough signatures, writing the result to another file.
\ > ' psbt-finalize catch drop
: psbt-finalize ( "from" "to" -- )  argument argument psbt-finalize-to ;

\ Show the transaction of a PSBT file that has enough signatures.
\ > ' psbt-extract catch drop
: psbt-extract ( "file" -- )  argument psbt-extract-from .text ;

\ Finalize a PSBT file and broadcast its transaction.
\ > init-storage ' psbt-broadcast catch drop
: psbt-broadcast ( "file" -- )  argument psbt-broadcast-from .text ;

\ Show a PSBT file as a QR code.
\ > ' psbt-qr catch drop
: psbt-qr ( "file" -- )  argument slurp-text qr-picture .text ;

\ Show this wallet's public key for multisig accounts, to give to the other cosigners.
\ > new multisig-key
: multisig-key ( -- )  get-multisig-key .text ;

\ Add an account of three keys that needs two signatures.
\ > new ' multisig-2of3 catch drop
: multisig-2of3 ( "keys" -- )  rest-of-line 2 s" 2of3" make-multisig .json ;

\ Add a budget: an account of up to 15 keys that needs two signatures.
\ > new ' multisig-budget catch drop
: multisig-budget ( "keys" -- )  rest-of-line 2 s" budget" make-multisig .json ;

\ Add a treasury: an account of five keys that needs three signatures.
\ > new ' multisig-treasury catch drop
: multisig-treasury ( "keys" -- )  rest-of-line 3 s" treasury" make-multisig .json ;

\ Show the multisig accounts.
\ > new multisig-info
: multisig-info ( -- )  get-multisig-info .json ;

\ Show which cosigners have signed a PSBT file.
\ > ' multisig-sigs catch drop
: multisig-sigs ( "file" -- )  argument get-multisig-sigs .json ;

\ Sign a PSBT file of the treasury, writing the result to another file.
\ > ' multisig-sign catch drop
: multisig-sign ( "from" "to" -- )  argument argument psbt-sign-to drop ;

\ Finalize a PSBT file of the treasury and broadcast its transaction.
\ > init-storage ' multisig-broadcast catch drop
: multisig-broadcast ( "file" -- )  argument psbt-broadcast-from .text ;

\ Show a text as a QR code.
\ > qr bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
: qr ( "text" -- )  argument qr-picture .text ;

\ Show an overview of the wallet's words by task.
\ > wallet-cli
: wallet-cli ( -- )  get-wallet-help .text ;

\ Show this wallet's key for the next vault, to give to somebody who locks coins to it.
\ > new vault-key
: vault-key ( -- )  get-vault-key .text ;

\ Lock an amount of the wallet until a block height, or a Unix time in seconds.
\ > init-storage new ' lock-until catch drop
: lock-until ( "height|time" "amount" -- )  argument argument text>amount lock-until-at .json ;

\ Lock an amount of the wallet for a number of blocks, or of seconds as in 86400s, after confirmation.
\ > init-storage new ' lock-for catch drop
: lock-for ( "blocks" "amount" -- )  argument argument text>amount lock-for-time .json ;

\ Lock an amount to a key and the preimage of a hash; after a height or time it returns to the wallet.
\ > init-storage new ' hash-lock catch drop
: hash-lock ( "hash|new" "key" "height|time" "amount" -- )
  argument argument argument argument text>amount hash-lock-to .json ;

\ Spend a vault to an address, or report when it can be opened.
\ > init-storage new ' open-vault catch drop
: open-vault ( "name" "address" -- )  argument argument open-vault-to .text ;

\ Show the secret of a hash on the terminal, after a confirmation.
\ > new ' show-secret catch drop
: show-secret ( "hash" -- )  argument show-secret-of ;

\ Sign the rest of the line with one of the wallet's addresses (BIP322).
\ > new ' sign-message catch drop
: sign-message ( "address" "text" -- )  argument rest-of-line sign-message-by .text ;

\ Verify an address' signature of the rest of the line.
\ > ' check-message catch drop
: check-message ( "address" "signature" "text" -- )
  argument argument rest-of-line check-message-by .json ;

\ Log in to the token in a slot of a PKCS#11 module; prompts for the PIN.
\ > ' hsm-open catch drop
: hsm-open ( "module" "slot" -- )  argument argument text>n hsm-open-at ;

\ Create a key in the token and show its public key, for use as a cosigner of a treasury.
\ > ' hsm-new-key catch drop
: hsm-new-key ( "name" -- )  argument hsm-make-key .text ;

\ Sign a PSBT file with the token's keys, writing the result to another file.
\ > ' hsm-sign catch drop
: hsm-sign ( "from" "to" -- )  argument argument hsm-sign-to drop ;
