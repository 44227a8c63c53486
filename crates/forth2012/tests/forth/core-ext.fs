\ CORE EXT.
decimal
: s= ( c-addr1 u1 c-addr2 u2 -- f )  compare 0= ;
T{ .( printed at once) -> }T
T{ 5 3 .r 5 3 u.r -1 22 .r cr -> }T
T{ 1 0<> 0 0<> 1 0> 0 0> -1 0> -> true false true false false }T
T{ 1 2 <> 1 1 <> 1 -1 u> -1 1 u> -> true false false true }T
T{ true false -> -1 0 }T
: t-2r 2>r 2r@ 2r> ;
T{ 1 2 t-2r -> 1 2 1 2 }T
T{ :noname 3 ; execute -> 3 }T
: t-again 0 begin 1+ dup 5 = if exit then again ;
T{ t-again -> 5 }T
: t-?do ?do i loop ;
T{ 3 0 t-?do 0 0 t-?do -> 0 1 2 }T
20 buffer: t-buffer
T{ t-buffer aligned t-buffer = 5 t-buffer 19 + c! t-buffer 19 + c@ -> true 5 }T
T{ s" -1 buffer: t-bad" ' evaluate catch nip nip -> -24 }T
T{ c" abc" count s" abc" s= -> true }T
: t-c c" xyz" ;
T{ t-c count s" xyz" s= -> true }T
: t-case case 1 of 10 endof 2 of 20 endof 30 swap endcase ;
T{ 1 t-case 2 t-case 3 t-case -> 10 20 30 }T
: t-comp [ ' dup compile, ] ;
T{ 3 t-comp -> 3 3 }T
defer t-def
T{ ' t-def catch -> -9 }T
T{ ' dup is t-def 4 t-def -> 4 4 }T
T{ action-of t-def ' dup = ' t-def defer@ ' dup = -> true true }T
T{ ' drop ' t-def defer! 4 t-def -> }T
: t-is is t-def ;  : t-action action-of t-def ;
T{ ' 1+ t-is 4 t-def t-action ' 1+ = -> 5 true }T
T{ ' dup ' is catch dup nip nip -> -32 }T
T{ t-buffer 20 255 fill t-buffer 19 erase t-buffer c@ t-buffer 19 + c@ -> 0 255 }T
T{ hex 10 decimal -> 16 }T
T{ 0 0 <# s" ab" holds #> s" ab" s= -> true }T
T{ <# pad 1000 ' holds catch nip nip pad -1 ' holds catch nip nip -> -17 -17 }T
variable t-var  marker t-mark  : t-gone 1 ;  5 allot
T{ t-gone t-mark [defined] t-gone [defined] t-mark [defined] t-var -> 1 false false true }T
T{ 1 2 nip 1 2 tuck -> 2 2 1 2 }T
T{ pad 5 over ! @ -> 5 }T
T{ char ) parse abc) s" abc" s= parse-name  xyz s" xyz" s= -> true true }T
T{ char | parse | nip parse-name
nip -> 0 0 }T
T{ 1 2 3 1 pick 1 2 3 2 roll 5 0 roll -> 1 2 3 2 2 3 1 5 }T
T{ 1 5 ' pick catch nip nip 5 ' roll catch nip -> -4 -4 }T
: t-refill refill drop ;
T{ t-refill
5 -> 5 }T
variable t-n  0 t-n !
T{ save-input 1 t-n +! t-n @ 2 < [if] restore-input [else] 9 [then] t-n @ -> 0 9 2 }T
T{ 1 2 2 restore-input -> true }T
: t-sum ( c-addr u -- n )  0 -rot over + swap ?do i c@ + loop ;
T{ s\" \a\b\e\f\l\n\q\r\t\v\z\"\\\x41" t-sum -> 7 8 + 27 + 12 + 10 + 10 + 34 + 13 + 9 + 11 + 34 + 92 + 65 + }T
T{ s\" \m" nip -> 2 }T
T{ source-id 0= s" source-id" evaluate -> true -1 }T
5 value t-val
T{ t-val 6 to t-val t-val -> 5 6 }T
: t-to to t-val ;
T{ 7 t-to t-val -> 7 }T
T{ 1 ' to catch dup nip nip -> -32 }T
T{ unused 8 allot unused - -8 allot -> 8 }T
T{ 5 1 10 within 10 1 10 within -5 -10 0 within 5 10 1 within -> true false true false }T
T{ 0 1 -1 within 10 5 5 within -> false false }T
: t-bc [compile] if 1 [compile] literal [compile] then ; immediate
: t-bc2 t-bc ;
T{ true t-bc2 false t-bc2 -> 1 }T
T{ 1 \ 2 3
-> 1 }T
T{ s" CORE-EXT" environment? -> true true }T
