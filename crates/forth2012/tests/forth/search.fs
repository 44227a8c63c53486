\ SEARCH and SEARCH EXT.
decimal
wordlist constant t-wid   get-current constant t-old
: t-depth ( -- n )  get-order dup >r 0 ?do drop loop r> ;
: t-push ( wid -- )  >r get-order r> swap 1+ set-order ;
T{ t-old forth-wordlist = -> true }T
T{ t-depth also t-depth swap - previous -> 1 }T
T{ t-wid set-current get-current t-wid = -> true }T
: t-in 5 ;
t-old set-current
T{ [defined] t-in c" t-in" find nip -> false 0 }T
T{ s" t-in" t-wid search-wordlist swap execute -> -1 5 }T
T{ s" none" t-wid search-wordlist s" dup" t-wid search-wordlist -> 0 0 }T
T{ s" if" forth-wordlist search-wordlist nip s" dup" forth-wordlist search-wordlist nip -> 1 -1 }T
T{ t-wid t-push t-in previous -> 5 }T
T{ t-wid t-push definitions get-current t-wid = previous -> true }T
: t-two 2 ;
T{ also forth definitions previous get-current forth-wordlist = -> true }T
T{ [defined] t-two s" t-two" t-wid search-wordlist nip -> false -1 }T
T{ only t-depth 0> forth-wordlist t-push previous -> true }T
: t-none 0 set-order ['] previous catch >r -1 set-order r> ;
T{ t-none -> -50 }T
: t-also get-order n>r begin also again ;
T{ ' t-also catch -> -49 }T
T{ only forth order cr -> }T
T{ -1 set-order t-depth 0> -> true }T
T{ 0 ' set-current catch nip s" x" 99 ' search-wordlist catch nip nip nip -> -24 -24 }T
T{ 1000 ' set-order catch nip -2 ' set-order catch nip -> -49 -50 }T
T{ s" SEARCH-ORDER" environment? s" SEARCH-ORDER-EXT" environment? -> true true true true }T
T{ s" WORDLISTS" environment? swap 8 < -> true false }T
