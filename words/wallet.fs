\ The wallet's words for people; each parses its arguments from the line and shows a picture.

\ Make a wallet of 24 new words; its fingerprint and first address are shown, never a key.
\ > new
: new ( -- )  new-wallet .json ;

\ Make a wallet of the words that are asked for.
\ > ' restore-phrase catch drop
: restore-phrase ( -- )  restore-wallet .json ;

\ Seal the wallet into a file under a passphrase that is asked for twice.
\ > ' save-encrypted catch drop
: save-encrypted ( "file" -- )  argument save-encrypted-to ;

\ Open a sealed wallet with a passphrase that is asked for.
\ > ' load-encrypted catch drop
: load-encrypted ( "file" -- )  argument load-encrypted-from ;

\ Try whether a sealed wallet opens under its passphrase; the open wallet stays.
\ > ' verify-wallet catch drop
: verify-wallet ( "file" -- )  argument verify-wallet-at .json ;

\ Show a fresh address to be paid on.
\ > new address
: address ( -- )  next-address .text ;

\ Have the node mine to a fresh address of the open wallet from now on.
\ > init-storage new mine-to-wallet mine
: mine-to-wallet ( -- )  next-address set-mining-address-to ;

\ Work with another account: segwit, taproot, or one that was added. New addresses and change are of
\ it; payments spend the coins of every account with a single key.
\ > new use-account taproot address
: use-account ( "name" -- )  argument use-account-named ;

\ Show what the wallet holds.
\ > init-storage new balance
: balance ( -- )  get-balances .json ;

\ Show every coin of the wallet.
\ > init-storage new utxos
: utxos ( -- )  get-utxos .json ;

\ Show every transaction of the wallet, newest first.
\ > init-storage new history
: history ( -- )  get-wallet-history .json ;

\ Show what the wallet is: accounts, descriptors, file.
\ > new wallet-info
: wallet-info ( -- )  get-wallet-info .json ;

\ Show the wallet's output descriptors, for other wallets to read.
\ > new descriptors
: descriptors ( -- )  get-descriptors .json ;

\ Watch what an output descriptor stands for.
\ > watch wpkh(02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9)
: watch ( "descriptor" -- )  argument watch-descriptor .json ;

\ Set the fee rate in base units for a virtual byte; 0 is the node's estimate.
\ > fee-rate 12
: fee-rate ( "number" -- )  argument text>n set-fee-rate ;

\ Show what a payment would spend and cost; nothing is signed.
\ > init-storage new ' plan-send catch drop
: plan-send ( "address" "amount" -- )  argument argument text>amount plan-send-to .json ;

\ Pay an address: amounts are 1.5 or 150000sat.
\ > init-storage new ' send catch drop
: send ( "address" "amount" -- )  argument argument text>amount send-to .text ;

\ Pay several at once, as JSON without blanks: {"ADDRESS":"AMOUNT","ADDRESS":"AMOUNT"}.
\ > init-storage new ' send-many catch drop
: send-many ( "json" -- )  rest-of-line send-to-many .text ;

\ Send all that the account can spend to an address.
\ > init-storage new ' sweep catch drop
: sweep ( "address" -- )  argument sweep-to .text ;

\ Replace a payment that waits by one that pays a higher fee.
\ > init-storage new ' bump catch drop
: bump ( "txid" -- )  argument bump-fee-of .text ;

\ Hurry an unconfirmed transaction that pays us, by spending it with a fee for both.
\ > init-storage new ' cpfp catch drop
: cpfp ( "txid" -- )  argument hurry-parent .text ;

\ Keep a coin TXID:N from being spent.
\ > new lock-coin 0000000000000000000000000000000000000000000000000000000000000001:0
: lock-coin ( "outpoint" -- )  argument lock-coin-at ;

\ Let a locked coin be spent again.
\ > new ' unlock-coin catch drop
: unlock-coin ( "outpoint" -- )  argument unlock-coin-at ;

\ Write a payment as an unsigned PSBT file.
\ > init-storage new ' psbt-create catch drop
: psbt-create ( "file" "address" "amount" -- )
  argument argument argument text>amount >r 2swap r> rot rot psbt-create-to ;

\ Show what a PSBT file does: who pays whom, change verified as ours, fee, signatures.
\ > ' psbt-show catch drop
: psbt-show ( "file" -- )  argument psbt-look-at .json ;

\ Sign a PSBT file into another file.
\ > ' psbt-sign catch drop
: psbt-sign ( "from" "to" -- )  argument argument psbt-sign-to drop ;

\ Bring the signatures of PSBT files together: the new file first, then those to read.
\ > ' psbt-combine catch drop
: psbt-combine ( "to" "files" -- )  argument rest-of-line 2swap psbt-combine-to ;

\ Finish a PSBT file that has enough signatures into another file.
\ > ' psbt-finalize catch drop
: psbt-finalize ( "from" "to" -- )  argument argument psbt-finalize-to ;

\ Show the transaction of a PSBT file that has enough signatures.
\ > ' psbt-extract catch drop
: psbt-extract ( "file" -- )  argument psbt-extract-from .text ;

\ Finish a PSBT file and hand its transaction to the node.
\ > init-storage ' psbt-broadcast catch drop
: psbt-broadcast ( "file" -- )  argument psbt-broadcast-from .text ;

\ Show a PSBT file as a QR code.
\ > ' psbt-qr catch drop
: psbt-qr ( "file" -- )  argument slurp-text qr-picture .text ;

\ Show this wallet's public key for multisigs, to be handed to the others.
\ > new multisig-key
: multisig-key ( -- )  get-multisig-key .text ;

\ Add an account of three keys that two must sign for.
\ > new ' multisig-2of3 catch drop
: multisig-2of3 ( "keys" -- )  rest-of-line 2 s" 2of3" make-multisig .json ;

\ Add a budget: an account of up to 15 keys that any two must sign for.
\ > new ' multisig-budget catch drop
: multisig-budget ( "keys" -- )  rest-of-line 2 s" budget" make-multisig .json ;

\ Add a treasury: an account of five keys that three must sign for.
\ > new ' multisig-treasury catch drop
: multisig-treasury ( "keys" -- )  rest-of-line 3 s" treasury" make-multisig .json ;

\ Show the multisig accounts.
\ > new multisig-info
: multisig-info ( -- )  get-multisig-info .json ;

\ Show who has signed a PSBT file.
\ > ' multisig-sigs catch drop
: multisig-sigs ( "file" -- )  argument get-multisig-sigs .json ;

\ Sign a PSBT file of the treasury into another file.
\ > ' multisig-sign catch drop
: multisig-sign ( "from" "to" -- )  argument argument psbt-sign-to drop ;

\ Finish a PSBT file of the treasury and hand its transaction to the node.
\ > init-storage ' multisig-broadcast catch drop
: multisig-broadcast ( "file" -- )  argument psbt-broadcast-from .text ;

\ Show a text as a QR code.
\ > qr bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
: qr ( "text" -- )  argument qr-picture .text ;

\ Show the wallet's words in the order in which they are used.
\ > wallet-cli
: wallet-cli ( -- )  get-wallet-help .text ;

\ Show this wallet's key for the next vault, for another who locks coins to it.
\ > new vault-key
: vault-key ( -- )  get-vault-key .text ;

\ Lock an amount of ours until a height, or a time in seconds since 1970.
\ > init-storage new ' lock-until catch drop
: lock-until ( "height|time" "amount" -- )  argument argument text>amount lock-until-at .json ;

\ Lock an amount of ours for so many blocks, or seconds as 86400s, once it is mined.
\ > init-storage new ' lock-for catch drop
: lock-for ( "blocks" "amount" -- )  argument argument text>amount lock-for-time .json ;

\ Lock an amount to a key and a hash's secret; from a height or time on it is ours again.
\ > init-storage new ' hash-lock catch drop
: hash-lock ( "hash|new" "key" "height|time" "amount" -- )
  argument argument argument argument text>amount hash-lock-to .json ;

\ Send what a vault holds to an address, or say when it opens.
\ > init-storage new ' open-vault catch drop
: open-vault ( "name" "address" -- )  argument argument open-vault-to .text ;

\ Show the secret of a hash at a terminal, after a question.
\ > new ' show-secret catch drop
: show-secret ( "hash" -- )  argument show-secret-of ;

\ Sign the rest of the line by an address of ours (BIP322).
\ > new ' sign-message catch drop
: sign-message ( "address" "text" -- )  argument rest-of-line sign-message-by .text ;

\ Check a signature of the rest of the line by an address.
\ > ' check-message catch drop
: check-message ( "address" "signature" "text" -- )
  argument argument rest-of-line check-message-by .json ;

\ Enter the token in a slot of a PKCS#11 module with the PIN that is asked for.
\ > ' hsm-open catch drop
: hsm-open ( "module" "slot" -- )  argument argument text>n hsm-open-at ;

\ Make a key in the token and show its public key, to be handed to the treasury.
\ > ' hsm-new-key catch drop
: hsm-new-key ( "name" -- )  argument hsm-make-key .text ;

\ Sign a PSBT file with the token's keys into another file.
\ > ' hsm-sign catch drop
: hsm-sign ( "from" "to" -- )  argument argument hsm-sign-to drop ;
