\ The treasury's payment, from the unsigned file to the transaction: 4, then 2, then 5 sign.
load signer-4.wallet
psbt-show 1-unsigned.psbt
multisig-sign 1-unsigned.psbt four.psbt
load signer-2.wallet
multisig-sign four.psbt four-two.psbt
multisig-sigs four-two.psbt
\ Two of five are refused.
s" four-two.psbt" ' psbt-extract-from catch . 2drop
load signer-5.wallet
multisig-sign four-two.psbt all.psbt
psbt-extract all.psbt
\ The same as what three made apart, brought together.
psbt-extract 5-combined.psbt
bye
