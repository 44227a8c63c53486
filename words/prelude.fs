\ Compiled at every start: keep it to words that the standard's own dictionary must know about.

\ Show a block of the chain, named by its height or its hash; with u on the stack, BLOCK of Forth-2012.
\ > init-storage block 0
: block ( "height|hash" -- )  depth if block else argument get-block .json then ;

\ Open an encrypted wallet, as load-encrypted does; with u on the stack, LOAD of Forth-2012.
\ > ' load catch drop
: load ( "file" -- )  depth if load else argument load-encrypted-from then ;
