\ Whether the node's memory grows while it works: blocks are made, taken back and made again,
\ transactions and chain are read, the port is opened and closed, over and over; the resident
\ memory after a first part is held against that at the end.
\
\   forthcoin regtest --websocket=127.0.0.1:0 --datadir FRESH-FOLDER [--json] [-e "400 constant rounds"] tests/memory_leak_test.fs
\
\ `rounds`, `allowed` (KiB that may be added after the first third) and `quiet` (no progress, for
\ --json) may be defined before.
\ Exit code 0 when it stays below, 1 when it does not.

[undefined] rounds [if] 200 constant rounds [then]
\ Headers, the index and the store's cache may grow with the chain, by a few KiB a round.
[undefined] allowed [if] rounds 16 * 4096 + constant allowed [then]

: payee ( -- c-addr u )  s" bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080" ;

\ The resident memory of this process, which holds the node, in KiB.
variable status
create line 258 allot
: line? ( -- c-addr u f )  line 256 status @ read-line throw line -rot ;
: rss? ( c-addr u -- f )  6 min s" VmRSS:" compare 0= ;
: number ( c-addr u -- n )  0 -rot bounds ?do i c@ dup [char] 0 [char] 9 1+ within
    if [char] 0 - swap 10 * + else drop then loop ;
: resident ( -- KiB )
  s" /proc/self/status" r/o open-file throw status !
  begin line? while 2dup rss? if number status @ close-file throw exit then 2drop repeat
  2drop status @ close-file throw  s" there is no VmRSS here" type cr -1 throw ;

: make ( n -- )  payee generate-to 2drop ;
: tip ( -- c-addr u )  get-best-hash ;
2variable held
create hash 64 allot
: keep-tip ( -- )  tip hash swap move  hash 64 held 2! ;
: reorganise ( -- )  keep-tip  held 2@ invalidate-block  1 make  held 2@ reconsider-block  1 make ;
: read-all ( -- )
  get-chain-info 2drop  get-utxo-set-info 2drop  get-pool-info 2drop  get-chain-tips 2drop
  tip get-block 2drop  get-height 0 ?do i get-block-hash 2drop 7 +loop ;
: port ( -- )  open-ws-server 2drop  stop-ws-server ;
: round ( -- )  3 make reorganise read-all ;

variable early
: progress ( i -- )  dup 20 mod if drop exit then
  s" round " type . s" of " type rounds . s"  resident " type resident . s" KiB" type cr ;
: run ( -- )
  rounds 0 do
    i 50 mod 0= if port then
    round
    i rounds 3 / = if resident early ! then
    [defined] quiet [if] [else] i progress [then]
  loop ;

create text 512 allot  variable text#
: say ( c-addr u -- )  tuck text text# @ + swap move  text# +! ;
: say-n ( n -- )  dup abs 0 <# #s rot sign #> say ;
: grown ( -- KiB )  resident early @ - ;
: report ( KiB -- )
  0 text# !
  s\" {\"test\":\"memory_leak_test.fs\",\"rounds\":" say rounds say-n
  s\" ,\"resident_early_kib\":" say early @ say-n  s\" ,\"grown_kib\":" say dup say-n
  s\" ,\"allowed_kib\":" say allowed say-n  s\" ,\"ok\":" say
  allowed > if s" false}" else s" true}" then say  text text# @ .json ;

init-storage
run
grown dup report
allowed > [if] s" the node's memory grows" type cr -1 throw [then]
bye
