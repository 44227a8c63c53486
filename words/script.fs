\ Scripts: assembled, run and stepped through by the consensus engine.

\ Convert a string of decimal digits to a number; THROW -24 for any other string.
\ > s" 12" text>n .
: text>n ( c-addr u -- n )  dup 0= -24 and throw  0. 2swap >number nip 0<> -24 and throw  d>s ;

\ As debug-input, with the arguments on the stack and without showing the state.
\ > init-storage s" 00" 0 ' open-input catch . 2drop drop
: open-input ( txid-addr u n -- )  get-spend open-spend ;

\ Disassemble a script given as hex.
\ > disassemble 76a9
: disassemble ( "hex" -- )  argument disassemble-script .text ;

\ Show the current state: the next step and the stack before it, top first.
\ > script( 1 ) script( 2 ADD ) open-script script-state
: script-state ( -- )  script-now .script ;

\ Step forward and show the state.
\ > script( 1 ) script( 2 ADD ) open-script script-next
: script-next ( -- )  1 script-go script-state ;

\ Step back and show the state.
\ > script( 1 ) script( 2 ADD ) step-script script-next script-back
: script-back ( -- )  -1 script-go script-state ;

\ Go to the end and show the final stack and the result.
\ > script( 1 ) script( 2 ADD ) open-script script-end
: script-end ( -- )  999999999 script-go script-state ;

\ Go back to the start and show the state.
\ > script( 1 ) script( 2 ADD ) open-script script-end script-start
: script-start ( -- )  -999999999 script-go script-state ;

\ Show every step of the open script and the result.
\ > script( 1 ) script( 2 ADD ) open-script script-trace
: script-trace ( -- )  script-steps .script ;

\ Open a scriptSig and a scriptPubKey, both hex, and show the first step.
\ > script( 1 ) script( 2 ADD 3 EQUAL ) step-script script-next
: step-script ( sig-addr u pubkey-addr u -- )  open-script script-state ;

\ Run a scriptSig and a scriptPubKey, both hex, and show every step and the result.
\ > script( 1 2 ) script( ADD 3 EQUAL ) run-script
: run-script ( sig-addr u pubkey-addr u -- )  open-script script-trace ;

\ Open an input of a transaction of the pool or the chain: its id (or itself as hex) and the number.
\ > init-storage ' debug-input catch .
: debug-input ( "txid" "n" -- )  argument argument text>n open-input script-state ;
