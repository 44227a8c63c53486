\ TOOLS and TOOLS EXT. BYE ends the machine, so that tests.rs alone runs it.
decimal
: s= ( c-addr1 u1 c-addr2 u2 -- f )  compare 0= ;
variable t-v  5 t-v !
T{ 1 2 .s -> 1 2 }T
T{ t-v ? t-v 16 dump t-v 0 dump words see s= cr -> }T
T{ 0 1 ' dump catch nip nip 0 ' ? catch nip -> -9 -9 }T
T{ : t-bye bye ; -> }T

\ Conditions in a text.
T{ true [if] 1 [else] 2 [then] false [if] 1 [else] 2 [then] -> 1 2 }T
T{ false [if] 1 [if] 2 [else] 3 [then] [else] 4
  [if] 5 [then] [then] -> 5 }T
T{ true [if]
  1 [else] 2
[then] [else] 3 [then] -> 1 }T
T{ false [IF] [IF] [ELSE] [THEN] 1 [ELSE] 2 [THEN] -> 2 }T
T{ [defined] dup [undefined] dup [defined] nosuchword [undefined] nosuchword -> true false false true }T
T{ s" 0 [if] 1" ' evaluate catch nip nip -> -39 }T
T{ ' [if] catch -> -4 }T
T{ : t-state state @ ; immediate t-state : t-state2 [ t-state ] literal t-state literal ; t-state2 -> 0 0 true }T

\ Control flow.
T{ : t-ahead ahead 1 then 2 ; t-ahead -> 2 }T
: t-?done postpone if 1 cs-roll ; immediate
T{ : t-roll >r begin r@ t-?done r@ r> 1- >r repeat r> drop ; 3 t-roll -> 3 2 1 }T
: t-?repeat 0 cs-pick postpone until ; immediate
T{ : t-pick begin 1+ dup 3 > t-?repeat dup 9 = until ; 0 t-pick -> 9 }T

\ N>R.
: t-nr n>r 9 nr> ;
T{ 1 2 3 2 t-nr 0 t-nr -> 1 9 2 3 2 9 0 }T
: t-nr2 n>r n>r 8 nr> 9 nr> ;
T{ 1 1 2 3 2 t-nr2 -> 8 1 1 9 2 3 2 }T
T{ 1 5 ' n>r catch nip nip -1 ' n>r catch nip ' nr> catch -> -4 -4 -6 }T

\ SYNONYM.
synonym t-dup dup  synonym t-if if  synonym t-then then  synonym t-s" s"  synonym t-syn t-dup
T{ 1 t-dup 2 t-syn -> 1 1 2 2 }T
T{ : t-use t-if t-syn t-then ; 1 true t-use 2 false t-use -> 1 1 2 }T
T{ t-s" ab" nip : t-use2 t-s" abc" nip ; t-use2 -> 2 3 }T
5 value t-val  synonym t-val2 t-val
T{ 6 to t-val2 t-val -> 6 }T
T{ ' t-val2 execute ' t-syn 3 swap execute -> 6 3 3 }T
T{ s" synonym t-x nosuchword" ' evaluate catch nip nip -> -13 }T

\ Name tokens.
wordlist constant t-wid
: t-count ( n nt -- n+1 f )  drop 1+ true ;
: t-first ( nt -- nt f )  false ;
T{ 0 ' t-count t-wid traverse-wordlist -> 0 }T
get-current t-wid set-current
: t-1 1 ;  : t-2 2 ; immediate  : t-3 3 ;
set-current
T{ 0 ' t-count t-wid traverse-wordlist -> 3 }T
' t-first t-wid traverse-wordlist constant t-nt
T{ t-nt name>string s" t-3" s= t-nt name>interpret execute -> true 3 }T
T{ : t-nc [ t-nt name>compile execute ] ; t-nc -> 3 }T
: t-nth ( n nt -- n f | nt 0 )  over if drop 1- true else nip false then ;
: t-get ( n -- nt )  ['] t-nth t-wid traverse-wordlist ;
T{ 1 t-get name>string s" t-2" s= 1 t-get name>compile execute -> true 2 }T
T{ s" if" find-name name>interpret s" if" find-name name>string nip -> 0 2 }T
T{ : t-nc2 [ s" if" find-name name>compile execute ] 1 then ; true t-nc2 false t-nc2 -> 1 }T
T{ s" nosuchword" find-name 0 ' name>string catch nip -> 0 -9 }T
: t-thrower 5 throw ;
T{ ' t-thrower t-wid ' traverse-wordlist catch nip nip -> 5 }T
: t-inner ( nt -- f )  drop ['] t-thrower catch 5 = ;
T{ ' t-inner t-wid traverse-wordlist 1 -> 1 }T
: t-endless ( nt -- f )  recurse ;
T{ ' t-endless t-wid ' traverse-wordlist catch nip nip -> -5 }T
defer t-again
: t-nested ( nt -- f )  drop action-of t-again t-wid traverse-wordlist true ;
' t-nested is t-again
T{ ' t-nested t-wid ' traverse-wordlist catch nip nip -> -5 }T

\ FORGET.
align here constant t-here
variable t-forget  : t-after 1 ;  variable t-last
T{ t-after forget t-forget [defined] t-forget [defined] t-after [defined] t-nested here t-here = -> 1 false false true true }T
T{ s" forget dup" ' evaluate catch nip nip s" forget nosuchword" ' evaluate catch nip nip -> -15 -13 }T
T{ s" TOOLS" environment? s" TOOLS-EXT" environment? -> true true false true }T

\ [ELSE] without [IF] is a comment over lines, and [IF] sees words in what looks like a string.
T{ [else]
  1 2
[then] 3 -> 3 }T
T{ [else] true [if] 4 [else] 5 [then] 6 [then] 7 -> 7 }T
T{ false [if] s" [else] 8 [then] -> 8 }T
T{ 9 [then] 10 -> 9 10 }T
: until-copy ( -- )  0 cs-pick postpone until ; immediate
variable left
T{ : many-until  left ! begin -1 left +! left @ 2 > 0= until-copy 1 left @ 1 = until ;
   4 many-until -> 1 1 }T
T{ : twice-saved  n>r n>r -1 nr> -2 nr> ;  1 0 0 twice-saved -> 1 -1 0 -2 0 }T
