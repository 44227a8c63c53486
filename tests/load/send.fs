\ Sends the transactions of a file one after the other and writes what each took in microseconds.
\ Wants before it: `txs-file$`, `took-file$`, and `apart`, the microseconds between two starts (0: none).

4096 constant longest
create line longest 2 + allot
variable in  variable out  variable sent  2variable begun

: us ( -- n )  utime drop ;
: line? ( -- c-addr u f )  line longest in @ read-line throw line -rot ;
: due ( -- us )  sent @ apart * begun @ + ;
: wait-due ( -- )  due us - dup 0> if 1000 / ms else drop then ;
: refused ( n -- )  s" refused " out @ write-file throw  s>d <# #s #> out @ write-line throw ;
: sent! ( us -- )  s>d <# #s #> out @ write-line throw ;
: try ( c-addr u -- )  send-raw-tx 2drop ;

\ A refusal is written as such: the load goes on.
: send-line ( c-addr u -- )
  us >r  ['] try catch ?dup if r> drop abs refused 2drop else us r> - sent! then ;

: send-all ( -- )
  txs-file$ r/o open-file throw in !  took-file$ w/o create-file throw out !
  us begun !
  begin line? while  wait-due send-line  1 sent +! repeat 2drop
  out @ close-file throw ;
