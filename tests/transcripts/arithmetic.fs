\ Forth without a node.
: sq ( n -- n*n )  dup * ;
7 sq . cr
1 2 3 .s drop drop drop cr
: greet ." hello" cr ;  greet
: digits 10 0 do i . loop cr ;  digits
hex ff decimal . cr
bye
