\ Makes a chain with as many coins as transactions are wanted, and the transactions, each of one
\ coin without change. Wants before it: `wanted` (a constant), `chain-file$` and `txs-file$`.

1000000 constant coin            \ base units of each coin
220 constant fee                 \ of one input and one output at 2 base units a virtual byte
2400 constant outputs            \ of one payment that makes coins, at most
: payee ( -- c-addr u )  s" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080" ;
variable out
create text 262144 allot  variable text#

: say ( c-addr u -- )  tuck text text# @ + swap move  text# +! ;
: say# ( n -- )  0 <# #s #> say ;

\ {"ADDRESS":"1000000sat",…}: Forth strings of words live until the next, so the text is ours.
: pairs ( n -- c-addr u )
  0 text# !  s" {" say
  0 do
    i if s" ," say then
    s\" \"" say  next-address say  s\" \":\"" say  coin say#  s\" sat\"" say
  loop  s" }" say  text text# @ ;

\ Few payments make all coins: a later one may spend what an earlier made.
: fund ( -- )
  wanted begin dup 0> while
    dup outputs min pairs send-to-many 2drop  outputs -
  repeat drop  1 payee generate-to 2drop ;

: write-tx ( txid-addr u -- )  get-raw-tx out @ write-line throw ;

: sign-all ( -- )
  txs-file$ w/o create-file throw out !
  wanted 0 do  payee coin fee - send-to write-tx  loop
  out @ close-file throw ;

: prepare ( -- )
  2 set-fee-rate
  wanted outputs / 1+ next-address generate-to 2drop  100 payee generate-to 2drop
  fund chain-file$ export-blocks-to sign-all ;
