\ T{ code -> wanted }T compares what two pieces of code leave on the stack.
variable #tests   0 #tests !
variable #failed  0 #failed !
variable t-base   variable t-found
create t-cells 64 cells allot

: t-fail ( c-addr u -- )  type ." : " source type cr  1 #failed +! ;
: T{ ( -- )  depth t-base !  1 #tests +! ;
: t-keep ( ... -- )
  depth t-base @ - dup t-found !
  dup 0< if drop exit then
  0 ?do t-cells i cells + ! loop ;
: -> ( ... -- )  t-keep ;
: t-same? ( ... n -- f )  true swap 0 ?do swap t-cells i cells + @ = and loop ;
: }T ( ... -- )
  depth t-base @ - dup t-found @ = 0= if
    s" wrong number of results" t-fail
    0 max 0 ?do drop loop exit
  then
  t-same? 0= if s" wrong result" t-fail then ;
: t-report ( -- n )  #failed @ ;
