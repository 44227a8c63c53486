\ XCHAR and XCHAR EXT in UTF-8; the keys come from the host of the test.
decimal
: s= ( c-addr1 u1 c-addr2 u2 -- f )  compare 0= ;
create t-buf 32 allot
T{ xkey? xkey xkey xkey xkey xkey? -> true 97 233 8364 128512 false }T
T{ ' xkey catch -> -39 }T
T{ 97 xc-size 233 xc-size 8364 xc-size 128512 xc-size -> 1 2 3 4 }T
T{ -1 ' xc-size catch nip $d800 ' xc-size catch nip $110000 ' xc-size catch nip -> -77 -77 -77 }T
T{ s" é€" x-size s" a" x-size s" " x-size -> 2 1 0 }T
T{ s" é€" drop xc@+ swap xc@+ nip -> 233 8364 }T
T{ s\" \xff" drop ' xc@+ catch nip s\" \xc3" drop ' xc@+ catch nip -> -77 -77 }T
T{ 8364 t-buf xc!+ t-buf - t-buf 3 s" €" s= -> 3 true }T
T{ 8364 t-buf 2 xc!+? -> t-buf 2 false }T
T{ 8364 t-buf 4 xc!+? -> t-buf 3 + 1 true }T
T{ -1 t-buf ' xc!+ catch nip nip -> -77 }T
T{ here 8364 xc, here over - s" €" s= -> true }T
T{ -1 ' xc, catch nip -> -77 }T
T{ s" é€" drop dup xchar+ swap - s\" \xffa" drop dup xchar+ swap - -> 2 1 }T
T{ s" é€" + dup xchar- - s" a" + dup xchar- - -> 3 1 }T
T{ s\" a\xff" + dup xchar- - -> 1 }T
T{ s" é€" +x/string s" €" s= s" é€" x\string- s" é" s= -> true true }T
T{ s" " +x/string nip s" " x\string- nip -> 0 0 }T
T{ s" é€" 1- -trailing-garbage s" é" s= s" é€" -trailing-garbage s" é€" s= -> true true }T
T{ s" abc" x-width s" é€" x-width s" 日本" x-width s" " x-width -> 3 2 4 0 }T
T{ 97 xc-width 26085 xc-width $301 xc-width -> 1 2 0 }T
T{ -1 ' xc-width catch nip -> -77 }T
T{ 0 0 <# 8364 xhold 97 hold #> s" a€" s= -> true }T
T{ char € char a -> 8364 97 }T
: t-char [char] € ;
T{ t-char '€' -> 8364 8364 }T
T{ char € parse abc€ s" abc" s= -> true }T
T{ 233 ekey>xchar k-up ekey>xchar nip -> 233 true false }T
T{ 8364 xemit 97 xemit -> }T
T{ -1 ' xemit catch nip -> -77 }T
T{ s" XCHAR-ENCODING" environment? -rot s" UTF-8" s= -> true true }T
T{ s" MAX-XCHAR" environment? s" XCHAR-MAXMEM" environment? -> $10ffff true 4 true }T
T{ s" XCHAR" environment? s" XCHAR-EXT" environment? -> true true true true }T
